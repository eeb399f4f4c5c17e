from pathlib import Path

import pytest


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Where a search of the file lab.yaml goes."""
    return tmp_path / "runs" / "lab"
