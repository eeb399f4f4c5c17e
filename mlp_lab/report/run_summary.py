"""What a run directory tells, whole or not."""

import csv
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import yaml

from mlp_lab.errors import ChecksumError
from mlp_lab.files.plain_yaml import load_yaml
from mlp_lab.images.find import raise_unreadable
from mlp_lab.runs.config import flatten
from mlp_lab.runs.metrics_csv import History, Rows, column, epoch_means, read_rows
from mlp_lab.runs.run import Run, Status, read_json

T = TypeVar("T")

_MOST_CONFUSED = 3
_LARGEST = 2**53  # of the whole numbers that are exact as float
_NOTICEABLE = 0.02  # of the loss, below which a rise is but noise


@dataclass(frozen=True)
class ClassScore:
    """How a class of the test set went.

    Attributes:
        name: Its name.
        scores: Precision, recall and so on, by name; ``samples`` too; and of training samples.
        taken_for: The classes it was taken for most often, and how often.
    """

    name: str
    scores: dict[str, float]
    taken_for: list[tuple[str, int]]


@dataclass(frozen=True)
class RunSummary:
    """One run as far as its files tell.

    Attributes:
        run: The run.
        config: The configuration; empty where it is missing.
        manifest: manifest.json; empty where it is missing.
        metrics: metrics.json; empty where it is missing.
        rows: metrics.csv, as far as it can be read.
        missing: What is missing or damaged, a sentence each.
    """

    run: Run
    config: dict[str, Any]
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    rows: Rows
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """Experiment and number."""
        return self.run.name

    @property
    def status(self) -> str:
        """How the run ended."""
        return str(self.manifest.get("status", "unknown"))

    @property
    def seed(self) -> Any:
        """The seed of the training."""
        return self.config.get("seed_everything")

    @property
    def data(self) -> str:
        """What the data set is called."""
        return str(self.about_data.get("source", "unknown data"))

    @property
    def about_data(self) -> dict[str, Any]:
        """What the manifest says of the data."""
        return _part(self.manifest, "data")

    @property
    def about_net(self) -> dict[str, Any]:
        """What the manifest says of the net, whole numbers of it."""
        net = _part(self.manifest, "net")
        return {k: v for k, v in net.items() if k == "class" or type(v) is int}

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the data and of their split."""
        return {key: str(value) for key, value in _part(self.about_data, "sha256").items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Samples of each part of the data."""
        samples = _part(self.about_data, "samples")
        return {part: number for part, number in samples.items() if type(number) is int}

    @property
    def notes(self) -> list[str]:
        """What else is worth knowing of the data."""
        notes = self.about_data.get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what it ran with."""
        return {key: str(value) for key, value in _part(self.manifest, "versions").items()}

    @property
    def commit(self) -> str:
        """The code it ran with; empty where that is not known."""
        git = _part(self.manifest, "git")
        changed = ", with changes of its own" if git.get("dirty") else ""
        return f"{git['commit']}{changed}" if git.get("commit") else ""

    @property
    def validation(self) -> str:
        """What validation is: a part of the training data, a part of its own, or the test set."""
        return str(self.about_data.get("validation", "unknown"))

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration by dotted keys."""
        return flatten(self.config)

    @cached_property
    def score(self) -> str:
        """What chose the best checkpoint: ``val/acc`` or ``val/loss``."""
        named = _part(self.manifest, "score").get("metric")
        if isinstance(named, str) and named.startswith("val/"):
            return named
        return "val/acc" if any("val/acc" in row for row in self.rows[:1]) else "val/loss"

    @property
    def highest_is_best(self) -> bool:
        """Whether more of the score is better."""
        mode = _part(self.manifest, "score").get("mode")
        return mode == "max" if mode in ("min", "max") else not self.score.endswith("/loss")

    @property
    def metric(self) -> str:
        """The score's name without its part: acc or loss."""
        return self.score.partition("/")[2]

    def number(self, key: str) -> float | None:
        """Return a number of metrics.json that there is and is finite."""
        value = self.metrics.get(key)
        return float(value) if is_number(value) and math.isfinite(value) else None

    def history(self, key: str) -> History:
        """Return a validation metric after each epoch."""
        return column(self.rows, key, "epoch")

    @property
    def gap(self) -> float | None:
        """How much better the best checkpoint is on its own training samples than on the test."""
        train, test = (self.number(f"{part}/{self.metric}") for part in ("train_eval", "test"))
        if train is None or test is None:
            return None
        return train - test if self.highest_is_best else test - train

    @property
    def turn(self) -> str:
        """When validation loss stopped falling, in a sentence."""
        epochs, losses = self.history("val/loss")
        if not losses:
            return "There is no validation loss."
        lowest = min(range(len(losses)), key=lambda number: losses[number])
        epoch, last = int(epochs[lowest]), int(epochs[-1])
        if lowest == len(losses) - 1:
            return (
                f"Validation loss was lowest in the last epoch, {last}, at {losses[-1]:.4g}: "
                "training for longer may help."
            )
        said = (
            f"Validation loss was lowest after epoch {epoch} of {last}, at {losses[lowest]:.4g}, "
            f"and {losses[-1]:.4g} at the end"
        )
        if losses[-1] - losses[lowest] < _NOTICEABLE * abs(losses[lowest]):
            return f"{said}: it has hardly changed since."
        training = dict(zip(*epoch_means(self.rows, "train/loss"), strict=True))
        if training.get(last, math.inf) < training.get(epoch, math.inf):
            return f"{said}, while training loss went on falling: the net has overfitted since."
        return f"{said}, but training loss has not fallen since either: that is no overfitting."

    @property
    def classes(self) -> list[ClassScore]:
        """The classes of the test set, those that fail most first."""
        entries = _part(self.metrics, "test/classes")
        training = _part(self.metrics, "train_eval/classes")
        names = list(entries)
        rows = self.confusion or [[]] * len(names)
        found = []
        for number, (name, row) in enumerate(zip(names, rows, strict=True)):
            of_training = {f"training/{key}": v for key, v in _part(training, name).items()}
            scores = _part(entries, name) | of_training
            others = [(names[k], n) for k, n in enumerate(row) if k != number and n]
            others.sort(key=lambda other: -other[1])
            numbers = {key: float(value) for key, value in scores.items() if is_number(value)}
            found.append(ClassScore(name, numbers, others[:_MOST_CONFUSED]))
        return sorted(found, key=lambda entry: entry.scores.get("recall", 0.0))

    @property
    def confusion(self) -> list[list[int]]:
        """How often each class of the test set was taken for each; empty where it is not known."""
        rows, num = self.metrics.get("test/confusion"), len(_part(self.metrics, "test/classes"))
        if not (isinstance(rows, list) and len(rows) == num):
            return []
        whole = all(
            isinstance(row, list) and len(row) == num and all(type(n) is int for n in row)
            for row in rows
        )
        return rows if whole else []

    @property
    def figures(self) -> dict[str, Path]:
        """The figures by name."""
        found = sorted((self.run.dir / "plots").glob("*.png"))
        return {path.stem: path for path in found if path.is_file()}


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether something read from a file is a number that can be reckoned with."""
    return isinstance(value, float) or (type(value) is int and abs(value) < _LARGEST)


def _part(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a part of what was read, empty where it is none."""
    part = content.get(key)
    return part if isinstance(part, dict) else {}


def read_summary(directory: Path, status: Status | None = None) -> RunSummary:
    """Read what there is of a run, and note what is not.

    Args:
        directory: The run.
        status: How it stands, where its manifest is about to say so; by default as it says.
    """
    run = Run(directory)
    missing: list[str] = []

    def take(path: Path, read: Callable[[Path], T], without: str) -> T | None:
        if not path.is_file():
            missing.append(f"{path.name} is missing: {without}.")
            return None
        try:
            return read(path)
        except (ChecksumError, OSError, ValueError, RecursionError, csv.Error, yaml.YAMLError):
            missing.append(f"{path.name} is damaged: {without}.")
            return None

    config = take(run.config_path, _read_config, "nobody knows what was asked") or {}
    unknown = "command, versions and how the run ended are unknown"
    manifest = take(run.manifest_path, read_json, unknown) or {}
    if status is not None:
        manifest["status"] = status
    rows = take(run.step_metrics_path, read_rows, "there is no course of the training") or []
    whole = [row for row in rows if _is_whole(row)]
    if len(whole) < len(rows):
        missing.append(f"metrics.csv has {len(rows) - len(whole)} rows that are no numbers.")
    if run.step_metrics_path.is_file() and not _ends_whole(run.step_metrics_path):
        missing.append("metrics.csv ends within a line, which is left out.")
    metrics = take(run.metrics_path, read_json, "there are no final figures") or {}
    if metrics and not any(key.startswith("test/") for key in metrics):
        missing.append("The run was not tested.")
    match manifest.get("status"):
        case "finished":
            pass
        case None if not manifest:  # which is said above
            pass
        case None:
            missing.append("The run was stopped before its training began.")
        case "running":
            missing.append("The run has not ended: it is still running, or was killed.")
        case "incomplete":
            missing.append(
                "The run was trained, and some of its results are missing: mlp-lab fit --run_dir "
                f"{directory} makes them."
            )
        case other:
            missing.append(f"The run did not come to its end: it was {other}.")
    if not any((directory / "plots").glob("*.png")):
        missing.append("There are no figures in plots/.")
    return RunSummary(run, config, manifest, metrics, whole, tuple(missing))


def find_runs(directory: Path) -> list[Path]:
    """Return the run directories below a directory, itself included, by name."""
    found = []
    for path, names, files in os.walk(directory, onerror=raise_unreadable):
        names[:] = sorted(name for name in names if not name.startswith("."))  # drafts of runs
        if {"config.yaml", "manifest.json"} & {*files}:
            found.append(Path(path))
            names.clear()
    return found


def _read_config(path: Path) -> dict[str, Any]:
    """Read a configuration as JSON could hold it.

    Raises:
        ChecksumError: It is something else.
    """
    config = load_yaml(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ChecksumError(f"{str(path)!r} holds no configuration.")
    plain: dict[str, Any] = json.loads(json.dumps(config, default=str))
    return plain


def _is_whole(row: dict[str, str]) -> bool:
    """Whether a row has its epoch and step, and numbers where it has anything."""
    try:
        numbers = {key: float(value) for key, value in row.items() if value}
        return math.isfinite(numbers["epoch"]) and math.isfinite(numbers["step"])
    except (KeyError, TypeError, ValueError):
        return False


def _ends_whole(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")
