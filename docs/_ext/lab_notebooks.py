"""The notebooks as pages: copied below the documentation, run there, and shown with their outputs.

To build a site downloads nothing: a notebook whose data set does not lie in ``data`` at the top of
the checkout is shown without outputs.
"""

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

# Where torchvision puts the data set of a notebook.
DATA = {"kmnist_lab": "KMNIST", "pytorch_lab": "cifar-100-python"}

_logger = logging.getLogger(__name__)


def copy_notebooks(app: Sphinx, config: Config) -> None:
    """Copy them anew, beside the data, and tell myst-nb which of them can be run."""
    root, pages = Path(app.confdir).parent, Path(app.srcdir) / "notebooks"
    for left in pages.iterdir():  # of the last build, runs among it
        if left.name != "index.md":
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    (root / "data").mkdir(exist_ok=True)
    (pages / "data").symlink_to(root / "data", target_is_directory=True)
    left_out = []
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, pages)
        needed = root / "data" / DATA.get(notebook.stem, "")
        if not needed.exists():
            left_out.append(f"notebooks/{notebook.name}")
            _logger.info("%s is not run: there is no %s", notebook.name, needed)
    config.nb_execution_excludepatterns = left_out


def setup(app: Sphinx) -> ExtensionMetadata:
    """Let it run before myst-nb reads its settings."""
    app.connect("config-inited", copy_notebooks)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
