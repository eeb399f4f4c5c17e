"""ROC and precision-recall curves, of each class and averaged over the classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

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

Average = Literal["micro", "macro"]
"""Over all decisions, or the mean of the classes' curves."""

_GRID = np.linspace(0, 1, 1001)
_MAX_POINTS = 2000  # of a curve that is drawn


@dataclass(frozen=True)
class Curve:
    """A curve from x 0 to 1, ``(n,)`` each, and the exact area below it."""

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    area: float


@dataclass(frozen=True)
class Curves:
    """A curve for each class, and averages over them.

    Attributes:
        classes: The curve of each class against the others, by name; of two classes the second's
            alone. A class without a sample, or without one of another class, has none.
        averages: None where there is one curve at most.
    """

    classes: dict[str, Curve] = field(default_factory=dict)
    averages: dict[Average, Curve] = field(default_factory=dict)


def roc_curves(probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> Curves:
    """Compute the ROC curve of each class against the others, and their averages.

    Shape:
        probabilities ``(N, K)``; labels ``(N,)``.

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
    """Compute precision-recall curves as ``roc_curves`` does; the area is the average precision.

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
        return Curves(curves)
    mean = np.mean([np.interp(_GRID, c.x, c.y) for c in curves.values()], axis=0)
    micro = curve(probabilities[:, chosen].flatten(), right[:, chosen].flatten())
    macro = Curve(_GRID, mean, float(np.mean([c.area for c in curves.values()])))
    return Curves(curves, {"micro": micro, "macro": macro})


def _thin(x: Tensor, y: Tensor, area: float) -> Curve:
    """Keep no more points of a curve than can be seen, its ends among them."""
    rows = torch.linspace(0, len(x) - 1, min(len(x), _MAX_POINTS)).long()
    return Curve(x[rows].double().numpy(), y[rows].double().numpy(), area)
