"""What can be said of a net once all its outputs are there: curves, areas, calibration."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_precision_recall_curve,
    binary_roc,
)

from mlp_lab.data import SampleSubset
from mlp_lab.files.plain_text import as_shown
from mlp_lab.tasks import Task

Numbers = NDArray[np.floating]

NUM_BINS = 15
_GRID = np.linspace(0, 1, 1001)
_MOST_POINTS = 2000  # of a curve that is drawn


@dataclass(frozen=True)
class Curve:
    """A curve from x 0 to 1, ``(n,)`` each, and the exact area below it."""

    x: Numbers
    y: Numbers
    area: float


@dataclass(frozen=True)
class Calibration:
    """How sure a net is and how often it is right, in bins of confidence ``(B,)``.

    Attributes:
        counts: Samples in each bin.
        confidence: Their mean confidence; 0 where there are none.
        accuracy: Their share that is right; 0 where there are none.
        error: Expected calibration error: the mean distance of the two over all samples.
    """

    counts: NDArray[np.integer]
    confidence: Numbers
    accuracy: Numbers
    error: float


Curves = tuple[dict[str, Curve], dict[str, Curve]]
"""A curve for each class, and averages over them."""


def outputs_of(task: Task, samples: SampleSubset, batch_size: int) -> Tensor:
    """Return the net's outputs for all samples in their order, without augmentation or dropout.

    Shape:
        result ``(N, K)`` on the CPU, float32.
    """
    # Kept one by one, small outputs between large batches would leave no room for the next batch.
    gathered = torch.empty(0)
    done = 0
    for outputs, _ in _outputs_by_batch(task, samples, batch_size):
        if not done:
            gathered = torch.empty(len(samples), outputs.shape[1])
        gathered[done : done + len(outputs)] = outputs
        done += len(outputs)
    return gathered


def totals_of(task: Task, samples: SampleSubset, batch_size: int) -> dict[str, Tensor]:
    """Return the task's sums over all samples, from which it computes its metrics."""
    totals: dict[str, Tensor] = {}
    for outputs, labels in _outputs_by_batch(task, samples, batch_size):
        for key, value in task.batch_totals(outputs, labels).items():
            totals[key] = totals[key] + value if key in totals else value
    return totals


def _outputs_by_batch(
    task: Task, samples: SampleSubset, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield outputs and labels on the task's device."""
    was_training = task.training
    task.eval()
    try:
        with torch.inference_mode():
            for rows in torch.split(torch.arange(len(samples)), batch_size):
                inputs, labels = samples[rows]
                yield task(inputs.to(task.device)), labels.to(task.device)
    finally:
        task.train(was_training)


def roc_curves(probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> Curves:
    """Compute the ROC curve of each class against the others, and of all together.

    Shape:
        probabilities ``(N, K)``; labels ``(N,)``.

    Returns:
        The curves of the classes, of two classes the second's alone; and the micro average, over
        all decisions, and the macro average, the mean of the curves. A class without a sample, or
        without one of another class, has none.

    Reference:
        Fawcett, "An Introduction to ROC Analysis", Pattern Recognition Letters 27, 2006.
    """

    def curve(scores: Tensor, right: Tensor) -> Curve:
        x, y, _ = binary_roc(scores, right)
        return _thin(x, y, float(binary_auroc(scores, right)))

    return _curves(curve, probabilities, labels, class_names)


def precision_recall_curves(
    probabilities: Tensor, labels: Tensor, class_names: Sequence[str]
) -> Curves:
    """Compute precision over recall as ``roc_curves`` does; the area is the average precision.

    Reference:
        Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", ICML 2006.
    """

    def curve(scores: Tensor, right: Tensor) -> Curve:
        precision, recall, _ = binary_precision_recall_curve(scores, right)
        area = float(binary_average_precision(scores, right))
        return _thin(recall.flip(0), precision.flip(0), area)

    return _curves(curve, probabilities, labels, class_names)


def _curves(
    curve: Callable[[Tensor, Tensor], Curve],
    probabilities: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
) -> Curves:
    right = torch.nn.functional.one_hot(labels, len(class_names))
    chosen = [
        number
        for number in range(1 if len(class_names) == 2 else 0, len(class_names))
        if 0 < int(right[:, number].sum()) < len(labels)
    ]
    curves = {
        class_names[number]: curve(probabilities[:, number], right[:, number]) for number in chosen
    }
    if len(class_names) == 2 or not curves:
        return curves, {}
    mean = np.mean([np.interp(_GRID, c.x, c.y) for c in curves.values()], axis=0)
    return curves, {
        "micro average": curve(probabilities[:, chosen].flatten(), right[:, chosen].flatten()),
        "macro average": Curve(_GRID, mean, float(np.mean([c.area for c in curves.values()]))),
    }


def _thin(x: Tensor, y: Tensor, area: float) -> Curve:
    """Keep no more points of a curve than can be seen, its ends among them."""
    rows = torch.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).long()
    return Curve(x[rows].double().numpy(), y[rows].double().numpy(), area)


def calibrate(probabilities: Tensor, labels: Tensor, num_bins: int = NUM_BINS) -> Calibration:
    """Compare how sure the net is with how often it is right.

    Args:
        probabilities: Of each class, ``(N, K)``.
        labels: Class index of every sample, ``(N,)``.
        num_bins: Bins of equal width.

    Reference:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
        https://arxiv.org/abs/1706.04599.
    """
    confidence, predicted = probabilities.double().max(1)
    right = (predicted == labels).double()
    bins = (confidence * num_bins).ceil().long().clamp(1, num_bins) - 1
    counts = torch.bincount(bins, minlength=num_bins)
    sums = [torch.bincount(bins, values, minlength=num_bins) for values in (confidence, right)]
    means = [total / counts.clamp(min=1) for total in sums]
    error = ((means[0] - means[1]).abs() * counts).sum() / len(labels)
    return Calibration(counts.numpy(), means[0].numpy(), means[1].numpy(), float(error))


def classification_report(confusion: Tensor, class_names: Sequence[str]) -> str:
    """Return scikit-learn's report of precision, recall and F1 of each class, as text.

    Shape:
        confusion ``(K, K)`` counts, rows true and columns predicted.
    """
    from sklearn import metrics  # takes its time to load

    true, predicted = np.indices(confusion.shape)
    counts = confusion.flatten().numpy()
    report: str = metrics.classification_report(
        true.ravel().repeat(counts),
        predicted.ravel().repeat(counts),
        labels=range(len(class_names)),
        target_names=[as_shown(name) for name in class_names],
        digits=4,
        zero_division=0.0,
    )
    return report
