"""plots/mistakes.png, surface.png, predictions.png and fit.png: single samples of the test set."""

from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray

from mlp_lab.callbacks.result import PlotCallback, find_data, find_evaluation
from mlp_lab.plots import plot_curve, plot_decision_surface, plot_mistakes, plot_predictions
from mlp_lab.tasks import ClassesTask

_MAX_MISTAKES = 24
_MAX_POINTS = 1000  # over a decision surface


class MistakesPlot(PlotCallback):
    """Show the test images that were classified wrongly with the most confidence."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot them, where the inputs are images."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if not (evaluation and data) or evaluation.probabilities is None:
            return
        rows = evaluation.most_confident_mistakes(_MAX_MISTAKES)
        is_image = len(data.input_shape) == 3 and data.input_shape[0] in (1, 3)
        if not is_image or not len(rows):
            return
        images = data.subsets["test"][rows][0].numpy()
        confidence, predicted = evaluation.probabilities[rows].max(1)
        names = evaluation.class_names
        texts = [
            (names[label], names[guess], share)
            for label, guess, share in zip(
                evaluation.labels[rows].tolist(),
                predicted.tolist(),
                confidence.tolist(),
                strict=True,
            )
        ]
        title = "Most confident mistakes on the test set"
        self.plot(trainer, "mistakes", partial(plot_mistakes, images, texts, title))


class DecisionSurfacePlot(PlotCallback):
    """Show where in the plane the net predicts which class."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot it, where the inputs are points of the plane."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if not (evaluation and data and isinstance(pl_module, ClassesTask)):
            return
        if data.input_shape == (2,):
            test = data.subsets["test"]
            points, labels = test[torch.arange(min(len(test), _MAX_POINTS))]
            # Here and now, since the net may be on a GPU.
            figure = plot_decision_surface(
                points.numpy(),
                labels.numpy(),
                evaluation.class_names,
                partial(_predict, pl_module),
                "Decision surface",
            )
            self.plot(trainer, "surface", lambda: figure)


def _predict(task: ClassesTask, places: NDArray[Any]) -> NDArray[np.floating]:
    with torch.inference_mode():
        inputs = torch.from_numpy(places).to(task.device)
        probabilities = task.probabilities(task.eval()(inputs).float().cpu())
    assert probabilities is not None
    return probabilities.numpy()


class TargetPlots(PlotCallback):
    """Plot predicted over true targets, and of one input and one target the fitted curve."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot them, where targets are predicted."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if not evaluation or evaluation.probabilities is not None:
            return
        outputs, targets = evaluation.outputs.numpy(), evaluation.labels.numpy()
        title = "Predicted and true targets of the test set"
        names = data.source.target_names if data else ()
        self.plot(trainer, "predictions", partial(plot_predictions, outputs, targets, title, names))
        if data and data.input_shape == (1,) and data.num_targets == 1:
            train, test = data.subsets["train"], data.subsets["test"]
            x, y = (part[:, 0].numpy() for part in train[torch.arange(len(train))])
            places = test[torch.arange(len(test))][0][:, 0].numpy()
            points = {"training samples": (x, y)}
            fit = {"prediction": (places, outputs[:, 0])}
            truth = {"test samples": (places, targets[:, 0])}
            self.plot(trainer, "fit", partial(plot_curve, points, "Fitted curve", fit, truth))
