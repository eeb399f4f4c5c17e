"""What the callbacks share that write the results of a training or a test."""

from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
from matplotlib.figure import Figure

from mlp_lab.data import LabDataModule
from mlp_lab.evaluation.evaluation import Evaluation
from mlp_lab.loggers import log_figure
from mlp_lab.runs.results import Results


class ResultCallback(pl.Callback):
    """Write results into a directory.

    What cannot be written or drawn is a warning and ends nothing; ``results`` keeps account of it.

    Args:
        directory: Where results go: a run directory, or any other.
    """

    def __init__(self, directory: str | Path) -> None:
        self.results = Results(Path(directory))


class PlotCallback(ResultCallback):
    """Draw figures into ``plots`` below a directory, and for every logger that takes one."""

    def plot(self, trainer: pl.Trainer, name: str, draw: Callable[[], Figure]) -> None:
        """Draw ``plots/NAME.png``, in the first process alone."""
        if trainer.is_global_zero:
            path = self.plot_path(name)
            with self.results.making(path):
                log_figure(name, draw(), path.parent, trainer.loggers, trainer.global_step)

    def plot_path(self, name: str) -> Path:
        """Return the file of a figure."""
        return self.results.directory / "plots" / f"{name}.png"


def find_evaluation(pl_module: pl.LightningModule) -> Evaluation | None:
    """Return what the last test found, if all samples were tested."""
    evaluation = getattr(pl_module, "evaluation", None)
    complete = isinstance(evaluation, Evaluation) and evaluation.is_complete
    return evaluation if complete else None


def find_data(trainer: pl.Trainer) -> LabDataModule | None:
    """Return the trainer's data, if they are this package's."""
    data = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
    return data if isinstance(data, LabDataModule) else None


def collect_results(trainer: pl.Trainer, directory: Path) -> Results:
    """Return the account of all results that the callbacks of a trainer wrote into a directory."""
    results = Results(directory)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
        if isinstance(callback, ResultCallback) and callback.results.directory == directory:
            results.written |= callback.results.written
            results.missing |= callback.results.missing
    return results
