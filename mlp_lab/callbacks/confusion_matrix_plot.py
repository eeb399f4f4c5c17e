"""plots/confusion.png, and confusion_before.png of the untrained net."""

from functools import partial

import lightning.pytorch as pl

from mlp_lab.callbacks.result import PlotCallback, find_evaluation
from mlp_lab.evaluation.evaluation import Scores
from mlp_lab.plots import plot_confusion


class ConfusionMatrixPlot(PlotCallback):
    """Plot the confusion matrix of the test, and of a test before training where there was one."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot both."""
        if before := getattr(pl_module, "scores", {}).get("test_before"):
            self._plot(trainer, "confusion_before", before, "before training")
        if evaluation := find_evaluation(pl_module):
            self._plot(trainer, "confusion", evaluation, "")

    def _plot(self, trainer: pl.Trainer, name: str, scores: Scores, when: str) -> None:
        confusion = scores.confusion
        if confusion is not None:
            title = f"Confusion matrix on the test set {when}".rstrip()
            draw = partial(plot_confusion, confusion.numpy(), scores.class_names, title)
            self.plot(trainer, name, draw)
