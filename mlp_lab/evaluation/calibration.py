"""Whether a net is right as often as it is confident."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NUM_BINS = 15


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


def calibrate(probabilities: Tensor, labels: Tensor, num_bins: int = NUM_BINS) -> Calibration:
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
