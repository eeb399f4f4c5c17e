"""What every logger of a run provides, and the guard around external services."""

import importlib
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

from mlp_lab.errors import MissingExtraError, MLPLabWarning
from mlp_lab.runs.run import Run

Row = Mapping[str, float]
"""Metrics of one step, with ``step`` and mostly ``epoch``, both counted from 1."""

COUNTERS = ("epoch", "step")
SUCCESS = ("success", "finished")
"""Statuses with which Lightning finalises loggers after a training without errors."""


class RunLogger(Logger, ABC):
    """A logger that takes all steps in blocks, and settings and figures where it has a place."""

    def begin(self, run: Run) -> None:  # most do not need it
        """Set the run that is logged, before any other call."""

    def go_back(self, step: int) -> None:  # most keep what they have
        """Drop what was logged after ``step``: a resumed run repeats it."""

    def close(self) -> None:  # most hold nothing
        """Release resources after the last call."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics from Lightning, which counts epochs and steps from 0, as one row."""
        row = {**metrics, "step": (step or 0) + 1}
        if "epoch" in metrics:
            row["epoch"] = metrics["epoch"] + 1
        self.log_rows([row])

    @abstractmethod
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Log the metrics of many steps.

        Args:
            rows: Metrics of each step.
            every: Where a call is expensive, log only every ``every``-th step; with 0, none.
        """

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Ignore the task's own: ``log_settings`` gets the whole configuration."""

    def log_settings(self, settings: Mapping[str, Any]) -> None:  # not all have a place
        """Log the configuration, in plain types."""

    def log_figure(self, name: str, path: Path, step: int) -> None:  # as above
        """Log a figure's PNG."""


class Tracker(RunLogger):
    """A logger that may fail in any way: the first failure is one warning and the last call."""

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._failed = False

    def begin(self, run: Run) -> None:
        """Set the run that is logged."""
        self._run = run

    @property
    def version(self) -> int | str | None:
        """The name of the run directory."""
        return None if self._run is None else self._run.dir.name

    @rank_zero_only
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Log the metrics of many steps."""
        self._guard(lambda: self._log_rows(list(rows), every))

    @rank_zero_only
    def log_settings(self, settings: Mapping[str, Any]) -> None:
        """Log the configuration, in plain types."""
        self._guard(lambda: self._log_settings(settings))

    @rank_zero_only
    def log_figure(self, name: str, path: Path, step: int) -> None:
        """Log a figure's PNG."""
        self._guard(lambda: self._log_figure(name, path, step))

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Log the path of the best checkpoint so far."""
        if checkpoint_callback.monitor and checkpoint_callback.best_model_path:
            self._guard(lambda: self._log_checkpoint(checkpoint_callback))

    @rank_zero_only
    def save(self) -> None:
        """Send or write what is still buffered."""
        self._guard(self._flush)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Record how a training or a test ended; a test after a training logs once more."""
        self._guard(lambda: self._finalize(status))

    @abstractmethod
    def _log_rows(self, rows: Sequence[Row], every: int) -> None: ...

    @abstractmethod
    def _log_settings(self, settings: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def _log_figure(self, name: str, path: Path, step: int) -> None: ...

    @abstractmethod
    def _log_checkpoint(self, checkpoint: ModelCheckpoint) -> None: ...

    def _flush(self) -> None:  # most hold nothing back
        return

    @abstractmethod
    def _finalize(self, status: str) -> None: ...

    def _guard(self, call: Callable[[], object]) -> Any:
        """Call the service; after a failure there is one warning, and no more calls."""
        if self._failed:
            return None
        try:
            return call()
        except Exception as error:  # a service may fail in any way
            self._failed = True
            warnings.warn(
                f"{self.name} takes nothing more: {first_sentence(error)} "
                "The training goes on without it.",
                MLPLabWarning,
                stacklevel=3,
            )


def import_client(package: str) -> Any:
    """Import a service's package, which is the extra of that name, without its warnings.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of what the package itself imports
            return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(f"it needs pip install 'mlp_lab[{package}]'.") from error


def series_by_metric(rows: Iterable[Row]) -> dict[str, tuple[list[float], list[float]]]:
    """Return the values of each metric, and the steps they belong to.

    Example:
        >>> series_by_metric([{"epoch": 1, "step": 1, "lr": 0.5}, {"step": 2, "lr": 0.25}])
        {'lr': ([0.5, 0.25], [1, 2])}
    """
    series: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for key in row.keys() - {*COUNTERS}:
            values, steps = series.setdefault(key, ([], []))
            values.append(float(row[key]))
            steps.append(row["step"])
    return series


def first_sentence(error: Exception) -> str:
    r"""Return the first line of an error's message, without colours and rulers.

    Example:
        >>> first_sentence(OSError("----\n\x1b[31mno answer\x1b[0m\nTry again"))
        'no answer.'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = (line.strip() for line in plain.splitlines())
    texts = (line for line in lines if line.strip(" -") and not line.startswith("--"))
    text = next(texts, type(error).__name__)
    return text if text.endswith((".", "!", "?")) else f"{text}."
