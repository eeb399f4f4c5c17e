"""What the callbacks share that write the results of a training or a test."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import lightning.pytorch as pl
from matplotlib.figure import Figure

from mlp_lab.data import LabDataModule
from mlp_lab.evaluation.evaluation import Evaluation
from mlp_lab.files.atomic import write_bytes
from mlp_lab.loggers import run_loggers
from mlp_lab.plots import to_png
from mlp_lab.processes.beside import Beside
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
    """Draw figures into ``plots`` below a directory, and for every logger that takes one.

    They are drawn beside what else is done after a test, and are there when that ends.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.plots_dir = self.results.directory / "plots"  # set by Figures of version 0.1
        self._begun: dict[str, Beside] = {}

    def plot(self, trainer: pl.Trainer, name: str, draw: Callable[[], Figure]) -> None:
        """Begin to draw ``plots/NAME.png``, in the first process alone.

        Args:
            trainer: The trainer.
            name: Name of the figure.
            draw: Makes the figure. What can be pickled and needs no GPU is drawn beside.
        """
        if trainer.is_global_zero:
            self._begun[name] = Beside(partial(_draw_png, draw))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the figures that were begun."""
        self._write_begun(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write them where something else fails; who interrupts does not wait for them."""
        if isinstance(exception, Exception):
            self._write_begun(trainer)
        for png in self._begun.values():
            png.cancel()
        self._begun.clear()

    def _write_begun(self, trainer: pl.Trainer) -> None:
        for name, png in self._begun.items():
            path = self.plots_dir / f"{name}.png"
            with self.results.making(path):
                write_bytes(path, png.result())
                for logger in run_loggers(trainer.loggers):
                    logger.log_figure(name, path, trainer.global_step)
        self._begun.clear()


def _draw_png(draw: Callable[[], Figure]) -> bytes:
    return to_png(draw())


def add_callbacks(trainer: pl.Trainer, callbacks: Iterable[pl.Callback]) -> None:
    """Give a trainer the callbacks that it does not have yet; for those of version 0.1."""
    own: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    own += [callback for callback in callbacks if callback not in own]


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
