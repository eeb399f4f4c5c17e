"""The documentation site: `make docs`."""

import sys
from pathlib import Path

from mlp_lab import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mlp_lab"
author = "the authors of mlp_lab"
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "lab_notebooks",
    "lab_reference",
]

exclude_patterns = [
    *("notebooks/data", "notebooks/runs", "notebooks/photos"),  # written by the notebooks
    "ru/README.md",  # of the repository, as README.md is
]

html_theme = "furo"
html_title = f"mlp_lab {release}"
html_show_sourcelink = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 600  # seconds for a cell
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # the bar, once for each epoch

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shape"]
napoleon_use_rtype = False
