"""plots/loss.png, acc.png and so on, learning_rate.png, and class_balance.png."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import lightning.pytorch as pl
from matplotlib.figure import Figure

from mlp_lab.callbacks.result import PlotCallback, find_data
from mlp_lab.data.split import class_counts_by_step
from mlp_lab.plots import plot_class_bars, plot_history
from mlp_lab.runs.metrics_csv import History, column, epoch_means, read_rows
from mlp_lab.tasks import Task


class TrainingPlots(PlotCallback):
    """Plot loss, accuracy and so on over the epochs, and the learning rate over the steps.

    They are read from metrics.csv in the directory. The best checkpoint's epoch is marked, and that
    of the lowest validation loss, after which a net overfits.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.metrics_csv = self.results.directory / "metrics.csv"  # set by Figures of version 0.1

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot them, where there was a training."""
        rows = read_rows(self.metrics_csv)
        if not rows or not isinstance(pl_module, Task):
            return
        data = find_data(trainer)
        validation = f"validation ({data.validation_origin})" if data else "validation"
        best = pl_module.loaded.epochs if pl_module.loaded else None
        for name, title in pl_module.followed_metrics.items():
            histories = {
                "training": epoch_means(rows, f"train/{name}"),
                validation: column(rows, f"val/{name}", "epoch"),
            }
            lowest = _lowest(histories[validation]) if name == "loss" else None
            self.plot(trainer, name, _history(histories, "epoch", title, best, lowest))
        rates = {"learning rate": column(rows, "lr", "step")}
        self.plot(trainer, "learning_rate", _history(rates, "step", "learning rate"))


def _history(
    histories: Mapping[str, History],
    unit: str,
    title: str,
    best: float | None = None,
    lowest: float | None = None,
) -> Callable[[], Figure]:
    shown = {name: history for name, history in histories.items() if len(history[1])}
    return partial(
        plot_history, shown, unit, title[0].upper() + title[1:], best=best, lowest=lowest
    )


def _lowest(validation: History) -> float | None:
    """Return the epoch of the lowest loss."""
    epochs, losses = validation
    return min(zip(losses, epochs, strict=True), default=(None, None))[1]


class ClassBalancePlot(PlotCallback):
    """Plot how many samples of each class were trained, validated and tested on."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot them, where there are classes."""
        data = find_data(trainer)
        if data and data.num_classes:
            counts, title = class_counts_by_step(data), "Samples of each class"
            draw = partial(plot_class_bars, counts, data.class_names, "samples", title)
            self.plot(trainer, "class_balance", draw)
