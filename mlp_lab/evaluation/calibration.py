"""Whether a net is right as often as it is confident, and the temperature that makes it so."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

NUM_BINS = 15

TEMPERATURES = (0.01, 100.0)
"""The lowest and the highest temperature that is looked for."""


@dataclass(frozen=True)
class Calibration:
    """Confidence and accuracy of a net, in bins of confidence ``(B,)``.

    Attributes:
        counts: Samples in each bin.
        confidence: Their mean confidence; 0 where there are none.
        accuracy: Their accuracy; 0 where there are none.
        error: Expected calibration error: the mean distance of the two over all samples.
    """

    counts: NDArray[np.integer]
    confidence: NDArray[np.floating]
    accuracy: NDArray[np.floating]
    error: float


def measure_calibration(
    probabilities: Tensor, labels: Tensor, num_bins: int = NUM_BINS
) -> Calibration:
    """Compare the confidence of a net with its accuracy.

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


def negative_log_likelihood(outputs: Tensor, labels: Tensor) -> float:
    """Return the mean negative log likelihood of labels, in nats.

    Shape:
        outputs ``(N, K)`` logits, or ``(N, 1)`` for the second of two classes; labels ``(N,)``.
    """
    return float(cross_entropy(_as_two_or_more(outputs.double()), labels))


def fit_temperature(outputs: Tensor, labels: Tensor) -> float | None:
    """Find the temperature with the least negative log likelihood of logits divided by it.

    That is convex in the inverse of the temperature; its slope there, the mean over samples of the
    expected logit less the label's, is brought to zero.

    Args:
        outputs: Logits ``(N, K)``, or ``(N, 1)`` for the second of two classes.
        labels: Class index of every sample, ``(N,)``.

    Returns:
        The temperature; None if none of ``TEMPERATURES`` and what lies between is the best. So it
        is where all samples are classified correctly, or no better than by chance.

    Example:
        >>> outputs = torch.tensor([[2.0], [2.0], [2.0], [-2.0]])  # 88 % sure, 75 % right
        >>> round(fit_temperature(outputs, torch.tensor([1, 1, 0, 0])), 4)
        1.8205

    Reference:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017,
        https://arxiv.org/abs/1706.04599.
    """
    from scipy.optimize import brentq  # slow to import, and few trainings are calibrated

    logits = _as_two_or_more(outputs.double())
    logits = logits - logits.gather(1, labels[:, None])

    def slope(inverse: float) -> float:
        return float(((inverse * logits).softmax(1) * logits).sum(1).mean())

    lowest, highest = (1 / temperature for temperature in reversed(TEMPERATURES))
    if slope(lowest) >= 0 or slope(highest) <= 0:
        return None
    return 1 / float(brentq(slope, lowest, highest))


def _as_two_or_more(outputs: Tensor) -> Tensor:
    """Return logits ``(N, K)``; the first of two classes has 0 where the second alone has one."""
    return torch.cat([torch.zeros_like(outputs), outputs], 1) if outputs.shape[1] == 1 else outputs
