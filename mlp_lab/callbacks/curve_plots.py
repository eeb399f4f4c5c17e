"""plots/roc.png, precision_recall.png, reliability.png and class_scores.png."""

from functools import partial

import lightning.pytorch as pl

from mlp_lab.callbacks.result import PlotCallback, find_evaluation
from mlp_lab.plots import (
    plot_calibration,
    plot_class_bars,
    plot_precision_recall_curves,
    plot_roc_curves,
)


class CurvePlots(PlotCallback):
    """Plot the ROC and precision-recall curves of the test."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot both, where there are classes with enough samples."""
        evaluation = find_evaluation(pl_module)
        if evaluation and evaluation.roc.classes:
            self.plot(trainer, "roc", partial(plot_roc_curves, evaluation.roc))
            draw = partial(plot_precision_recall_curves, evaluation.precision_recall)
            self.plot(trainer, "precision_recall", draw)


class CalibrationPlot(PlotCallback):
    """Plot the accuracy of the test over the net's confidence."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot it, where there are classes."""
        evaluation = find_evaluation(pl_module)
        if evaluation and (calibration := evaluation.calibration):
            draw = partial(plot_calibration, calibration, evaluation.calibration_before)
            self.plot(trainer, "reliability", draw)


class ClassScoresPlot(PlotCallback):
    """Plot precision, recall and F1 of each class on the test set."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot them, where there are classes."""
        evaluation = find_evaluation(pl_module)
        if evaluation and evaluation.classes:
            classes = evaluation.classes
            bars = {
                title: [scores[key] for scores in classes.values()]
                for key, title in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
            }
            draw = partial(
                plot_class_bars, bars, [*classes], "score", "Scores of each class", end=1.0
            )
            self.plot(trainer, "class_scores", draw)
