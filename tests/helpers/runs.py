"""What a run directory says of itself."""

import json
from pathlib import Path
from typing import Any


def read_metrics(directory: Path) -> Any:
    """Return metrics.json of a run or of a test beside it."""
    return json.loads((directory / "metrics.json").read_text(encoding="utf-8"))


def read_manifest(run_dir: Path) -> Any:
    """Return manifest.json of a run."""
    return json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))


def read_manifests(experiment_dir: Path) -> dict[str, Any]:
    """Return manifest.json of each run of an experiment, by the run's name."""
    return {
        path.parent.name: read_manifest(path.parent)
        for path in experiment_dir.glob("version_*/manifest.json")
    }


def assert_nowhere(secret: str, directory: Path) -> None:
    """Look for a word in all that was written, and in the names of the files."""
    for path in directory.rglob("*"):
        if path.is_file() and path.name != "password":
            assert secret.encode() not in path.read_bytes(), path
