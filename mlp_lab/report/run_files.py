"""Finding run directories and reading their files, complete or not."""

import csv
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlp_lab.errors import ChecksumError, RunNotFoundError
from mlp_lab.files.plain_yaml import load_yaml
from mlp_lab.images.find import raise_unreadable
from mlp_lab.report.run_summary import Mistake, RunSummary
from mlp_lab.report.tested_samples import describe_outputs
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.runs.run import Run, Status, read_json

T = TypeVar("T")

SHOWN_MISTAKES = 24
"""How many mistakes a page lists, as many as the figure of them shows."""


def find_runs(directory: Path) -> list[Path]:
    """Return the run directories below a directory, itself included, by name."""
    found = []
    for path, names, files in os.walk(directory, onerror=raise_unreadable):
        names[:] = sorted(name for name in names if not name.startswith("."))  # drafts of runs
        if {"config.yaml", "manifest.json"} & {*files}:
            found.append(Path(path))
            names.clear()
    return found


def find_some_runs(directory: Path) -> list[Path]:
    """Return the runs below a directory.

    Raises:
        RunNotFoundError: It is no directory, or holds none.
    """
    runs = find_runs(directory) if directory.is_dir() else []
    if not runs:
        raise RunNotFoundError(
            f"{str(directory)!r} {'holds no run' if directory.is_dir() else 'is no directory'}. "
            "Give a run such as runs/base/version_0, or a directory of runs such as runs."
        )
    return runs


def read_summary(directory: Path, status: Status | None = None) -> RunSummary:
    """Read the files of a run, and note what is missing or damaged.

    Args:
        directory: The run.
        status: The status that its manifest is about to get; by default the one it has.
    """
    run = Run(directory)
    missing: list[str] = []

    def read(path: Path, reader: Callable[[Path], T], consequence: str) -> T | None:
        if not path.is_file():
            missing.append(f"{path.name} is missing: {consequence}.")
            return None
        try:
            return reader(path)
        except (ChecksumError, OSError, ValueError, RecursionError, csv.Error, yaml.YAMLError):
            missing.append(f"{path.name} is damaged: {consequence}.")
            return None

    config = read(run.config_path, _read_config, "the settings are unknown") or {}
    unknown = "command, versions and how the run ended are unknown"
    manifest = read(run.manifest_path, read_json, unknown) or {}
    if status is not None:
        manifest["status"] = status
    csv_path = run.step_metrics_path
    rows = read(csv_path, read_rows, "there is no training history") or []
    valid = [row for row in rows if _is_valid(row)]
    if len(valid) < len(rows):
        missing.append(f"metrics.csv has {len(rows) - len(valid)} rows that are no numbers.")
    if csv_path.is_file() and not csv_path.read_bytes().endswith(b"\n"):
        missing.append("metrics.csv ends within a line, which is left out.")
    is_check = "overfit_check" in manifest  # which tests nothing and draws nothing
    metrics = {}
    if not is_check:
        metrics = read(run.metrics_path, read_json, "there are no final metrics") or {}
    if metrics and not any(key.startswith("test/") for key in metrics):
        missing.append("The run was not tested.")
    if manifest:  # else it is noted already
        missing += _describe_end(manifest.get("status"), directory)
    wants_figures = config.get("figures") is not False and not is_check  # nor do a sweep's trials
    if wants_figures and not any((directory / "plots").glob("*.png")):
        missing.append("There are no figures in plots/.")
    path = run.dir / "mistakes.csv"
    found = read(path, _read_mistakes, "no mistakes are shown") if path.is_file() else None
    summary = RunSummary(run, config, manifest, metrics, valid, tuple(missing), found or ())
    return replace(summary, missing=(*missing, *describe_outputs(summary)))


def _describe_end(status: object, directory: Path) -> list[str]:
    """Return a sentence about a run that did not finish."""
    match status:
        case "finished":
            return []
        case None:
            return ["The run was stopped before its training began."]
        case "running":
            return ["The run has not ended: it is still running, or was killed."]
        case "incomplete":
            return [
                "The run was trained, and some of its results are missing: mlp-lab fit --run_dir "
                f"{directory} makes them."
            ]
        case other:
            return [f"The run did not come to its end: it was {other}."]


def _read_config(path: Path) -> dict[str, Any]:
    """Read a configuration, other values than those of JSON as text.

    Raises:
        ChecksumError: It is no mapping.
    """
    config = load_yaml(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ChecksumError(f"{str(path)!r} holds no configuration.")
    plain: dict[str, Any] = json.loads(json.dumps(config, default=str))
    return plain


def _read_mistakes(path: Path) -> tuple[Mistake, ...]:
    """Read the mistakes that are listed, and one more where there are more.

    Raises:
        ValueError: There are other columns in it, or a confidence is none.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        # The first column of a name, since a class may be called as one.
        heads = next(rows, [])
        place = heads.index("file" if heads[1:2] == ["file"] else "index")
        columns = [place, *(heads.index(name) for name in ("label", "predicted", "confidence"))]
        found = []
        for row in islice(rows, SHOWN_MISTAKES + 1):
            if len(row) != len(heads):
                raise ChecksumError(f"{str(path)!r} has rows of several lengths.")
            name, label, predicted, confidence = (row[column] for column in columns)
            found.append(Mistake(name, label, predicted, float(confidence)))
    return tuple(found)


def _is_valid(row: Mapping[str, str]) -> bool:
    """Return whether a row has an epoch and a step, and holds nothing but numbers."""
    try:
        numbers = {key: float(value) for key, value in row.items() if value}
        return math.isfinite(numbers["epoch"]) and math.isfinite(numbers["step"])
    except (KeyError, TypeError, ValueError):
        return False
