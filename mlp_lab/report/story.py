"""What a run directory tells, whole or not."""

import csv
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlp_lab.errors import ChecksumError
from mlp_lab.history import History, Rows, column, epoch_means, read_rows
from mlp_lab.run import Run, read_json
from mlp_lab.settings import flatten

T = TypeVar("T")

_MOST_CONFUSED = 3
_NOTICEABLE = 0.02  # of the loss, below which a rise is but noise


@dataclass(frozen=True)
class ClassScore:
    """How a class of the test set went.

    Attributes:
        name: Its name.
        scores: Precision, recall and so on, by name; ``samples`` too.
        taken_for: The classes it was taken for most often, and how often.
    """

    name: str
    scores: dict[str, float]
    taken_for: list[tuple[str, int]]


@dataclass(frozen=True)
class Story:
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
        return str(self.manifest.get("data", {}).get("source", "unknown data"))

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration by dotted keys."""
        return flatten(self.config)

    @cached_property
    def score(self) -> str:
        """What chose the best checkpoint: ``val/acc`` or ``val/loss``."""
        named = self.manifest.get("score", {}).get("metric")
        if named:
            return str(named)
        return "val/acc" if any("val/acc" in row for row in self.rows[:1]) else "val/loss"

    @property
    def highest_is_best(self) -> bool:
        """Whether more of the score is better."""
        return not self.score.endswith("/loss")

    @property
    def metric(self) -> str:
        """The score's name without its part: acc or loss."""
        return self.score.partition("/")[2]

    def number(self, key: str) -> float | None:
        """Return a number of metrics.json that there is and is finite."""
        match self.metrics.get(key):
            case int() | float() as value if math.isfinite(value):
                return float(value)
        return None

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
        scores = self.metrics.get("test/classes")
        confusion = self.metrics.get("test/confusion")
        if not isinstance(scores, dict):
            return []
        names = list(scores)
        rows = confusion if isinstance(confusion, list) else [[] for _ in names]
        found = []
        for number, (name, row) in enumerate(zip(names, rows, strict=False)):
            others = [(names[k], int(n)) for k, n in enumerate(row) if k != number and n]
            others.sort(key=lambda other: -other[1])
            found.append(ClassScore(name, scores[name], others[:_MOST_CONFUSED]))
        return sorted(found, key=lambda entry: entry.scores.get("recall", 0))

    @property
    def figures(self) -> dict[str, Path]:
        """The figures by name."""
        return {path.stem: path for path in sorted((self.run.dir / "plots").glob("*.png"))}


def read_story(directory: Path) -> Story:
    """Read what there is of a run, and note what is not."""
    run = Run(directory)
    missing: list[str] = []

    def take(path: Path, read: Callable[[Path], T], without: str) -> T | None:
        if not path.is_file():
            missing.append(f"{path.name} is missing: {without}.")
            return None
        try:
            return read(path)
        except (ChecksumError, OSError, ValueError, csv.Error, yaml.YAMLError):
            missing.append(f"{path.name} is damaged: {without}.")
            return None

    config = take(run.config_path, _read_config, "nobody knows what was asked") or {}
    unknown = "command, versions and how the run ended are unknown"
    manifest = take(run.manifest_path, read_json, unknown) or {}
    rows = take(run.step_metrics_path, read_rows, "there is no course of the training") or []
    whole = [row for row in rows if _is_whole(row)]
    if len(whole) < len(rows):
        missing.append(f"metrics.csv has {len(rows) - len(whole)} rows that are no numbers.")
    if run.step_metrics_path.is_file() and not _ends_whole(run.step_metrics_path):
        missing.append("metrics.csv ends within a line, which is left out.")
    metrics = take(run.metrics_path, read_json, "there are no final figures") or {}
    if metrics and not any(key.startswith("test/") for key in metrics):
        missing.append("The run was not tested.")
    status = manifest.get("status", "finished")
    if status == "running":
        missing.append("The run has not ended: it is still running, or was killed.")
    elif status != "finished":
        missing.append(f"The run did not come to its end: it was {status}.")
    if not any((directory / "plots").glob("*.png")):
        missing.append("There are no figures in plots/.")
    return Story(run, config, manifest, metrics, whole, tuple(missing))


def find_runs(directory: Path) -> list[Path]:
    """Return the run directories below a directory, itself included, by name."""
    found = []
    for path, names, files in os.walk(directory):
        names.sort()
        if {"config.yaml", "manifest.json"} & {*files}:
            found.append(Path(path))
            names.clear()
    return found


def _read_config(path: Path) -> dict[str, Any]:
    # The loader in C is eight times as fast, which many runs make worth while.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    config = yaml.load(path.read_text(encoding="utf-8"), loader)
    if not isinstance(config, dict):
        raise ChecksumError(f"{str(path)!r} holds no configuration.")
    return config


def _is_whole(row: dict[str, str]) -> bool:
    """Whether a row has its epoch and step, and numbers where it has anything."""
    try:
        [float(value) for value in row.values() if value]
        return bool(row["epoch"] and row["step"])
    except (KeyError, TypeError, ValueError):
        return False


def _ends_whole(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")
