"""The notebooks run from their first cell to their last, with short trainings."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documents import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.docs
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_reaches_its_accuracy(
    notebook: Path, fake_root: Path, tmp_path: Path
) -> None:
    """nbmake puts the values in a cell's metadata in place of what the cell assigns."""
    shutil.copy(notebook, tmp_path)
    shutil.copytree(fake_root / "KMNIST", tmp_path / "data" / "KMNIST")
    words = ["--nbmake", "--nbmake-timeout=300", "-p", "no:cacheprovider", "-c", "/dev/null"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, notebook.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "runs").is_dir()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_output_and_begins_with_its_installation(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert cells[0]["cell_type"] == "markdown"
    assert "hosted notebook" in "".join(cells[0]["source"])
    assert "%pip install" in "".join(code[0]["source"])
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert any("assert " in "".join(cell["source"]) for cell in code)
