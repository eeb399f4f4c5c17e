"""Which learning rate a range test suggests: losses at a rate that rises from step to step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]

_BANDWIDTH = 0.25  # decades
_MIN_STEPS = 3
_ROUNDING = 1e-6


@dataclass(frozen=True)
class RangeTest:
    """The losses of a training whose learning rate rises by the same factor at each step.

    Attributes:
        rates: Learning rate of each step, ``(S,)``, before the first loss that is not finite.
        losses: Loss of each step's batch, ``(S,)``.
        smoothed: The losses, smoothed over the logarithm of the rate, ``(S,)``.
        steepest: Where the smoothed loss falls most for each decade of the rate; None where it
            falls nowhere by more than its own noise.
        valley: The middle of the longest way down that the smoothed loss takes, in steps; None
            where ``steepest`` is.
    """

    rates: Values
    losses: Values
    smoothed: Values
    steepest: float | None
    valley: float | None


def evaluate_range_test(rates: Sequence[float], losses: Sequence[float]) -> RangeTest:
    """Smooth the losses of a range test, and find the rates that it suggests.

    Args:
        rates: Learning rate of each step, rising by the same factor, ``(S,)``.
        losses: Loss of each step's batch, ``(S,)``.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
        https://arxiv.org/abs/1506.01186. The slope over the logarithm of the rate, as ``steep`` of
        fastai and https://github.com/Lightning-AI/pytorch-lightning/pull/21171 take it.
    """
    finite = np.isfinite(losses)
    num = len(finite) if finite.all() else int(np.argmin(finite))
    x, y = np.asarray(rates[:num]), np.asarray(losses[:num])
    if num < _MIN_STEPS:
        return RangeTest(x, y, y, None, None)
    decades = np.log10(x)
    # A loss that explodes is no worse than one of a net that has not learnt yet; as it is, it would
    # rule the smoothing far to its left.
    start = y[decades <= decades[0] + 1]
    smoothed, slopes = fit_lines(decades, np.minimum(y, start.max()))
    # Near the ends lines are fitted to fewer points, and are noise.
    inner = np.flatnonzero(np.minimum(decades - decades[0], decades[-1] - decades) >= _BANDWIDTH)
    fall = start.mean() - smoothed[inner].min(initial=np.inf)
    if fall <= max(start.std(), _ROUNDING * abs(start.mean())):
        return RangeTest(x, y, smoothed, None, None)
    # Where most of the fall is done and the loss rises again, the rate has become too high, and a
    # later fall only leaps back.
    lowest = np.minimum.accumulate(smoothed)
    fallen = start.mean() - lowest
    rises = (fallen > fallen[-1] / 2) & (smoothed - lowest > fallen / 4)
    slopes[np.logical_or.accumulate(rises)] = np.inf
    steepest = inner[np.argmin(slopes[inner])]
    return RangeTest(x, y, smoothed, float(x[steepest]), float(x[find_valley(smoothed)]))


def fit_lines(x: Values, y: Values, bandwidth: float = _BANDWIDTH) -> tuple[Values, Values]:
    """Fit a line around each point, with the others weighted by a Gaussian of their distance.

    Unlike a running average, it neither lags behind nor leans towards where it began.

    Args:
        x: Positions, ``(S,)``.
        y: Values at them, ``(S,)``.
        bandwidth: Standard deviation of the Gaussian, in units of ``x``.

    Returns:
        Value and slope of each line at its own point, both ``(S,)``.

    Reference:
        Fan and Gijbels, "Local Polynomial Modelling and Its Applications", 1996.
    """
    fits = [
        np.polyfit(x - point, y, 1, w=np.exp(-(((x - point) / bandwidth) ** 2) / 4))
        for point in x  # polyfit squares the weights
    ]
    slopes, values = np.transpose(fits)
    return values, slopes


def find_valley(losses: Values) -> int:
    """Return the index in the middle of the longest decreasing subsequence, counted from its end.

    Reference:
        ``valley`` of fastai, https://github.com/fastai/fastai/pull/3377.
    """
    lengths = np.ones(len(losses), dtype=int)
    for n in range(1, len(losses)):
        lengths[n] += lengths[:n][losses[:n] > losses[n]].max(initial=0)
    end = int(np.argmax(lengths))
    length = int(lengths[end])
    return max(0, end - length + length // 3 + length // 6)
