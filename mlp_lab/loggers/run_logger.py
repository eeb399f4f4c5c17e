"""What this project asks of every logger, and the guard around those of others."""

import re
import warnings
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.run import Run

Row = Mapping[str, float]
"""Metrics of one moment, with ``step`` and mostly ``epoch``, both counted from 1."""

_COUNTERS = ("epoch", "step")


class RunLogger(Logger, ABC):
    """A logger that takes all steps in blocks, and settings and figures where it has a place."""

    def begin(self, run: Run) -> None:  # most need not know
        """Learn which run is logged, before anything else."""

    def go_back(self, step: int) -> None:  # most keep what they have
        """Drop what was logged after ``step``: a resumed run repeats it."""

    def close(self) -> None:  # as above
        """Give back what is held, after the last call."""

    @abstractmethod
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Take the metrics of many steps.

        Args:
            rows: Metrics of each step.
            every: Where a call costs much, of how many steps one is enough.
        """

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Take nothing from the task: the whole configuration comes by log_settings."""

    def log_settings(self, settings: Mapping[str, Any]) -> None:  # not all have a place
        """Take the configuration in plain types."""

    def log_figure(self, name: str, path: Path, step: int) -> None:  # as above
        """Take a figure's PNG."""


class Tracker(RunLogger):
    """A logger that may fail in any way: the first failure is one warning and the last call."""

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._failed = False

    def begin(self, run: Run) -> None:
        """Learn which run is logged."""
        self._run = run

    @property
    def version(self) -> int | str | None:
        """The name of the run directory."""
        return None if self._run is None else self._run.dir.name

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take the metrics of one moment; Lightning counts steps from 0."""
        row = {key: float(value) for key, value in metrics.items() if key != "epoch"}
        self._do(lambda: self._take_rows([{**row, "step": (step or 0) + 1}], 1))

    @rank_zero_only
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Take the metrics of many steps."""
        self._do(lambda: self._take_rows(list(rows), every))

    @rank_zero_only
    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Take the configuration in plain types."""
        self._do(lambda: self._take_settings(settings))

    @rank_zero_only
    def log_figure(self, name: str, path: Path, step: int) -> None:
        """Take a figure's PNG."""
        self._do(lambda: self._take_figure(name, path, step))

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Take the path of the best checkpoint so far."""
        if checkpoint_callback.monitor and checkpoint_callback.best_model_path:
            self._do(lambda: self._take_checkpoint(checkpoint_callback))

    @rank_zero_only
    def save(self) -> None:
        """Hand over what is still held."""
        self._do(self._flush)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End; a test after a training begins once more.

        Args:
            status: Lightning's word: success, or what went wrong.
        """
        self._do(lambda: self._end(status))

    @abstractmethod
    def _take_rows(self, rows: Sequence[Row], every: int) -> None: ...

    @abstractmethod
    def _take_settings(self, settings: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def _take_figure(self, name: str, path: Path, step: int) -> None: ...

    @abstractmethod
    def _take_checkpoint(self, checkpoint: ModelCheckpoint) -> None: ...

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _end(self, status: str) -> None: ...

    def _do(self, work: Callable[[], object]) -> Any:
        """Do something outside; after a failure there is one warning and no more."""
        if self._failed:
            return None
        try:
            return work()
        except Exception as error:  # a service may fail in any way
            self._failed = True
            warnings.warn(
                f"{self.name} takes nothing more: {first_sentence(error)} "
                "The training goes on without it.",
                MLPLabWarning,
                stacklevel=3,
            )


def columns_of(rows: Iterable[Row]) -> dict[str, tuple[list[float], list[float]]]:
    """Return the values of each metric, and the steps they belong to."""
    columns: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for key in row.keys() - {*_COUNTERS}:
            values, steps = columns.setdefault(key, ([], []))
            values.append(float(row[key]))
            steps.append(row["step"])
    return columns


def first_sentence(error: Exception) -> str:
    """Return the first line of what an error says, be it in colours and over many lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip(" -")]
    told = [line for line in lines if not line.startswith("--")]
    text = told[0] if told else type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
