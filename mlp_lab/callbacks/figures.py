"""plots/: what a training and its test came to, to be looked at."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.data import LabDataModule
from mlp_lab.evaluation import Numbers
from mlp_lab.history import History, column, epoch_means, read_rows
from mlp_lab.loggers import log_figure
from mlp_lab.metrics import precision_recall_f1
from mlp_lab.nets import trace_layers
from mlp_lab.plots import (
    plot_calibration,
    plot_class_bars,
    plot_confusion,
    plot_curve,
    plot_curves,
    plot_decision_surface,
    plot_filters,
    plot_history,
    plot_mistakes,
    plot_net,
    plot_predictions,
)
from mlp_lab.runs.results import Results
from mlp_lab.tasks import ClassesTask, Task

Drawing = tuple[str, Callable[[], Figure]]
"""A figure's name, and what draws it."""

_MOST_MISTAKES = 24
_MOST_DRAWN = 1000  # points over a decision surface


class Figures(pl.Callback):
    """Draw the confusion before training, and everything else after the test.

    Args:
        results: Knows where the figures go, and keeps account of them.
        metrics: Knows the numbers behind them; its hooks must come first.
        steps_path: metrics.csv of the training; None where there was none.
    """

    def __init__(self, results: Results, metrics: MetricsFile, steps_path: Path | None) -> None:
        self.results = results
        self.plots_dir = results.directory / "plots"
        self.metrics = metrics
        self.steps_path = steps_path

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the confusion of the net as it begins, unless that was done."""
        before = self.metrics.metrics.get("test_before", {})
        path = self._path("confusion_before")
        is_due = trainer.ckpt_path is None or not path.is_file()
        if trainer.is_global_zero and is_due and "confusion" in before:
            data = _data_of(trainer)
            confusion = np.asarray(before["confusion"])
            title = "Confusion on the test set before training"
            draw = partial(plot_confusion, confusion, data.class_names, title)
            self._draw(trainer, ("confusion_before", draw))

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the rest."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Task)
        data = _data_of(trainer)
        drawings = [*self._of_training(data, pl_module), *_of_net(pl_module)]
        outputs = self.metrics.outputs
        if outputs is not None:
            if isinstance(pl_module, ClassesTask):
                drawings += _of_classes(data, pl_module, self.metrics, outputs)
            else:
                drawings += _of_numbers(data, outputs)
        for drawing in drawings:
            self._draw(trainer, drawing)
        print(f"figures: {self.plots_dir}")

    def _draw(self, trainer: pl.Trainer, drawing: Drawing) -> None:
        """Draw and log."""
        name, draw = drawing
        with self.results.making(self._path(name)):
            log_figure(name, draw(), self.plots_dir, trainer.loggers, trainer.global_step)

    def _path(self, name: str) -> Path:
        return self.plots_dir / f"{name}.png"

    def _of_training(self, data: LabDataModule, task: Task) -> Iterator[Drawing]:
        """Yield what happened from step to step, and on what classes."""
        rows = read_rows(self.steps_path) if self.steps_path else []
        if not rows:
            return
        for name, title in task.metric_names.items():
            values = {
                "training": epoch_means(rows, f"train/{name}"),
                f"validation ({data.validation_origin})": column(rows, f"val/{name}", "epoch"),
            }
            yield name, _history(values, "epoch", title, self.metrics.metrics.get("best_epoch"))
        rates = {"learning rate": column(rows, "lr", "step")}
        yield "learning_rate", _history(rates, "step", "Learning rate")
        if data.num_classes:
            yield (
                "class_balance",
                lambda: plot_class_bars(
                    data.counts_of_steps(), data.class_names, "samples", "Samples of each class"
                ),
            )


def _data_of(trainer: pl.Trainer) -> LabDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
    assert isinstance(data, LabDataModule)
    return data


def _history(
    values: dict[str, History], unit: str, title: str, best: float | None = None
) -> Callable[[], Figure]:
    shown = {name: history for name, history in values.items() if len(history[1])}
    title = title[0].upper() + title[1:]
    return lambda: plot_history(shown, unit, title, best=best)


def _of_net(task: Task) -> Iterator[Drawing]:
    """Yield the net itself, and what its first neurons look for."""
    layers = trace_layers(task.net)
    if not layers:
        return
    title = type(task.net).__name__
    yield "net", lambda: plot_net(task.input_shape, layers, title)
    first = layers[0].weight.float().cpu().numpy()
    if first.ndim == 2 and len(task.input_shape) == 3:
        first = first.reshape(-1, *task.input_shape)
    if first.ndim == 4 and first.shape[1] in (1, 3) and math.prod(first.shape[2:]) > 1:
        yield "weights", lambda: plot_filters(first, "What the first neurons look for")


def _of_classes(
    data: LabDataModule, task: ClassesTask, metrics: MetricsFile, outputs: Tensor
) -> Iterator[Drawing]:
    """Yield how well classes are told apart."""
    names = data.class_names
    test = data.subsets["test"]
    probabilities = task.probabilities(outputs)
    confusion = torch.tensor(metrics.metrics["test/confusion"])
    title = "Confusion on the test set"
    yield "confusion", lambda: plot_confusion(confusion.numpy(), names, title)
    scores = zip(("precision", "recall", "F1"), precision_recall_f1(confusion), strict=True)
    bars = {name: values.tolist() for name, values in scores}
    yield "class_scores", lambda: plot_class_bars(bars, names, "score", "Scores of each class")
    for key, curves, x, y in (
        ("roc", metrics.roc, "false positive rate", "true positive rate"),
        ("precision_recall", metrics.precision_recall, "recall", "precision"),
    ):
        if curves is not None and curves[0]:
            yield key, partial(plot_curves, *curves, x, y, f"{y.capitalize()} over {x}")
    calibration = metrics.calibration
    if calibration is not None:
        yield "reliability", lambda: plot_calibration(calibration)
    wrong = _worst_mistakes(probabilities, test.labels)
    if len(data.input_shape) == 3 and data.input_shape[0] in (1, 3) and len(wrong):
        images = test[wrong][0].numpy()
        sure, said = probabilities[wrong].max(1)
        texts = [
            (names[true], names[guess], share)
            for true, guess, share in zip(
                test.labels[wrong].tolist(), said.tolist(), sure.tolist(), strict=True
            )
        ]
        yield (
            "mistakes",
            lambda: plot_mistakes(images, texts, "Most confident mistakes on the test set"),
        )
    if data.input_shape == (2,):
        points, labels = test[torch.arange(min(len(test), _MOST_DRAWN))]
        surface = _surface(task)
        yield (
            "surface",
            lambda: plot_decision_surface(
                *(points.numpy(), labels.numpy(), names, surface, "What the net says of the plane")
            ),
        )


def _worst_mistakes(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the samples that are wrong, the most confident first."""
    sure, said = probabilities.max(1)
    wrong = (said != labels).nonzero().flatten()
    return wrong[sure[wrong].argsort(descending=True)][:_MOST_MISTAKES]


def _surface(task: ClassesTask) -> Callable[[Numbers], Numbers]:
    def probabilities(places: Numbers) -> Numbers:
        with torch.inference_mode():
            inputs = torch.from_numpy(places).to(task.device)
            return task.probabilities(task.eval()(inputs).float().cpu()).numpy()

    return probabilities


def _of_numbers(data: LabDataModule, outputs: Tensor) -> Iterator[Drawing]:
    """Yield how near predicted numbers come to the true ones."""
    test = data.subsets["test"]
    inputs, targets = test[torch.arange(len(test))]
    title = "Predicted and true numbers of the test set"
    yield "predictions", lambda: plot_predictions(outputs.numpy(), targets.numpy(), title)
    if data.input_shape == (1,) and data.num_targets == 1:
        x, y = data.subsets["train"][torch.arange(len(data.subsets["train"]))]
        points = {"training samples": (x[:, 0].numpy(), y[:, 0].numpy())}
        places = inputs[:, 0].numpy()
        fit = {"what was learnt": (places, outputs[:, 0].numpy())}
        truth = {"test samples": (places, targets[:, 0].numpy())}
        yield "fit", lambda: plot_curve(points, "What was learnt", fit, truth)
