"""One run: what its files hold, and what follows from them."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from mlp_lab.errors import ChecksumError
from mlp_lab.report.columns import ColumnRow, describe_columns
from mlp_lab.runs.config import flatten
from mlp_lab.runs.metrics_csv import History, Rows, column, epoch_means
from mlp_lab.runs.run import Run
from mlp_lab.tables import Column

RATE_KEY = "model.optimizer.lr"
"""The learning rate's setting."""

_MAX_ERRORS = 3  # classes that a class is most often predicted as
_MAX_EXACT = 2**53  # the largest integer up to which floats are exact
_NOTICEABLE = 0.02  # a rise by a smaller fraction of the loss is noise


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class of the test set.

    Attributes:
        name: Its name.
        scores: Precision, recall and so on, and ``samples``; those of the training samples as
            ``training/precision`` and so on.
        predicted_as: The wrong classes that it was predicted as most often, and how often.
    """

    name: str
    scores: dict[str, float]
    predicted_as: list[tuple[str, int]]


@dataclass(frozen=True)
class Mistake:
    """A sample of the test set that was classified wrongly.

    Attributes:
        name: Its file, or its index in its part of the source.
        label: Its class.
        predicted: The class that it was predicted as.
        confidence: The probability of that class.
    """

    name: str
    label: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class RunSummary:
    """What is known of one run from its files.

    Attributes:
        run: The run.
        config: The configuration; empty where it is missing.
        manifest: manifest.json; empty where it is missing.
        metrics: metrics.json; empty where it is missing.
        rows: The valid rows of metrics.csv.
        missing: What is missing or damaged, a sentence each.
        mistakes: The first rows of mistakes.csv; of more than a page lists, one more than those.
    """

    run: Run
    config: dict[str, Any]
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    rows: Rows
    missing: tuple[str, ...]
    mistakes: tuple[Mistake, ...] = ()

    @property
    def name(self) -> str:
        """Experiment and number."""
        return self.run.name

    @property
    def status(self) -> str:
        """How the run ended."""
        return str(self.manifest.get("status", "unknown"))

    @property
    def overfit_check(self) -> str:
        """The verdict of a check whether a batch can be learnt by heart; empty for a training."""
        return str(self.manifest.get("overfit_check", ""))

    @property
    def note(self) -> str:
        """The remark that was given with it."""
        return str(self.manifest.get("note", ""))

    @property
    def seed(self) -> Any:
        """The seed of the training."""
        return self.config.get("seed_everything")

    @property
    def folds(self) -> int | None:
        """Number of folds of the cross-validation that it belongs to; None without one."""
        folds, fold = (_mapping(self.config, "data").get(key) for key in ("folds", "fold"))
        is_fold = type(folds) is int and type(fold) is int and 0 <= fold < folds >= 2
        return folds if is_fold else None

    @property
    def fold(self) -> int | None:
        """The fold that validated, from 0; None without cross-validation."""
        return None if self.folds is None else int(self.config["data"]["fold"])

    @property
    def found_rate(self) -> float | None:
        """The learning rate that a search found in place of the configured one; None without."""
        return self.number("learning_rate")

    @property
    def flat_config(self) -> dict[str, Any]:
        """The configuration by dotted keys."""
        return flatten(self.config)

    @property
    def data_info(self) -> dict[str, Any]:
        """The manifest's entry about the data."""
        return _mapping(self.manifest, "data")

    @property
    def data(self) -> str:
        """Name of the data set."""
        return str(self.data_info.get("source", "unknown data"))

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; none where targets are predicted."""
        names = self.data_info.get("class_names")
        return [str(name) for name in names] if isinstance(names, list) else []

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the data, of their split, and of its validation and test parts."""
        return {key: str(value) for key, value in _mapping(self.data_info, "sha256").items()}

    @property
    def num_samples(self) -> dict[str, int]:
        """Samples of each part of the data."""
        samples = _mapping(self.data_info, "samples")
        return {part: number for part, number in samples.items() if type(number) is int}

    @property
    def validation(self) -> str:
        """What validation is: a part or a fold of the training data, its own, or the test set."""
        return str(self.data_info.get("validation", "unknown"))

    @property
    def notes(self) -> list[str]:
        """Notes on the data."""
        notes = self.data_info.get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    @property
    def columns(self) -> list[ColumnRow]:
        """Columns of a table, and how the net encodes them; empty for others."""
        listed = self.data_info.get("columns")
        try:
            columns = [Column.from_plain(column) for column in listed or ()]
        except (ChecksumError, TypeError, AttributeError):  # written by somebody else
            return []
        return describe_columns(columns, _mapping(_mapping(self.manifest, "net"), "encoding"))

    @property
    def net_info(self) -> dict[str, Any]:
        """Class of the net, and its numbers of parameters, neurons and connections."""
        net = _mapping(self.manifest, "net")
        return {k: v for k, v in net.items() if k == "class" or type(v) is int}

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages."""
        return {key: str(value) for key, value in _mapping(self.manifest, "versions").items()}

    @property
    def commit(self) -> str:
        """Git commit of the code; empty where it is not known."""
        git = _mapping(self.manifest, "git")
        changed = ", with uncommitted changes" if git.get("dirty") else ""
        return f"{git['commit']}{changed}" if git.get("commit") else ""

    @cached_property
    def score(self) -> str:
        """Key of the metric that chose the best checkpoint: ``val/acc`` or ``val/loss``."""
        key = _mapping(self.manifest, "score").get("metric")
        if isinstance(key, str) and key.startswith("val/"):
            return key
        return "val/acc" if any("val/acc" in row for row in self.rows[:1]) else "val/loss"

    @property
    def metric(self) -> str:
        """The score's key without its part: acc or loss."""
        return self.score.partition("/")[2]

    @property
    def shown_metrics(self) -> list[str]:
        """Keys of the metrics that sum the run up, the score's last.

        A loss of targets has a unit that nobody knows; R² and RMSE come before it.
        """
        is_loss_of_targets = self.metric == "loss" and self.number("val/r2") is not None
        return [*(["r2", "rmse"] if is_loss_of_targets else []), self.metric]

    @property
    def has_scaled_loss(self) -> bool:
        """Whether its losses are of targets that were scaled to mean 0 and variance 1."""
        return self.flat_config.get("model.scale_targets") is True

    @property
    def highest_is_best(self) -> bool:
        """Whether a higher score is better."""
        mode = _mapping(self.manifest, "score").get("mode")
        return mode == "max" if mode in ("min", "max") else not self.score.endswith("/loss")

    def number(self, key: str) -> float | None:
        """Return a finite number of metrics.json, None where there is none of this key."""
        value = self.metrics.get(key)
        return float(value) if is_number(value) and math.isfinite(value) else None

    def history(self, key: str) -> History:
        """Return a validation metric after each epoch."""
        return column(self.rows, key, "epoch")

    @property
    def best_score(self) -> float | None:
        """The best score of a validation in metrics.csv; None where nothing was validated."""
        _, scores = self.history(self.score)
        return (max if self.highest_is_best else min)(scores, default=None)

    @property
    def constant_learning_rate(self) -> float | None:
        """The learning rate, if it was the same in all steps."""
        rates = {*column(self.rows, "lr", "step")[1]}
        return rates.pop() if len(rates) == 1 else None

    @property
    def gap(self) -> float | None:
        """Generalisation gap: how much better the score of the training samples is than the test's.

        Both are of the best checkpoint.
        """
        train, test = (self.number(f"{part}/{self.metric}") for part in ("train_eval", "test"))
        if train is None or test is None:
            return None
        return train - test if self.highest_is_best else test - train

    @property
    def overfitting(self) -> str:
        """A sentence about when validation loss stopped falling."""
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
        text = (
            f"Validation loss was lowest after epoch {epoch} of {last}, at {losses[lowest]:.4g}, "
            f"and {losses[-1]:.4g} at the end"
        )
        if losses[-1] - losses[lowest] < _NOTICEABLE * abs(losses[lowest]):
            return f"{text}: it has hardly changed since."
        training = dict(zip(*epoch_means(self.rows, "train/loss"), strict=True))
        if training.get(last, math.inf) < training.get(epoch, math.inf):
            return f"{text}, while training loss went on falling: the net has overfitted since."
        return f"{text}, but training loss has not fallen since either: that is no overfitting."

    @property
    def classes(self) -> list[ClassScores]:
        """Scores of the classes of the test set, the lowest recall first."""
        test = _mapping(self.metrics, "test/classes")
        training = _mapping(self.metrics, "train_eval/classes")
        names = list(test)
        found = []
        for label, (name, row) in enumerate(
            zip(names, self.confusion or [[]] * len(names), strict=True)
        ):
            of_training = {f"training/{key}": v for key, v in _mapping(training, name).items()}
            scores = _mapping(test, name) | of_training
            numbers = {key: float(value) for key, value in scores.items() if is_number(value)}
            errors = Counter({names[k]: n for k, n in enumerate(row) if k != label and n})
            found.append(ClassScores(name, numbers, errors.most_common(_MAX_ERRORS)))
        return sorted(found, key=lambda entry: entry.scores.get("recall", 0.0))

    @property
    def confusion(self) -> list[list[int]]:
        """Confusion matrix of the test, rows true and columns predicted; empty if not known."""
        rows = self.metrics.get("test/confusion")
        num = len(_mapping(self.metrics, "test/classes"))
        if not (isinstance(rows, list) and len(rows) == num):
            return []
        is_valid = all(
            isinstance(row, list) and len(row) == num and all(type(n) is int for n in row)
            for row in rows
        )
        return rows if is_valid else []

    @property
    def figures(self) -> dict[str, Path]:
        """Files of the figures by name."""
        found = sorted((self.run.dir / "plots").glob("*.png"))
        return {path.stem: path for path in found if path.is_file()}


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a float, or an integer that a float represents exactly."""
    return isinstance(value, float) or (type(value) is int and abs(value) < _MAX_EXACT)


def _mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an entry that should be a mapping, an empty one where it is something else."""
    entry = content.get(key)
    return entry if isinstance(entry, dict) else {}
