"""Confidence intervals of a metric over all samples of a kind, from the test samples of it."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
"""Lower and upper end of a 95 % confidence interval."""

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Computes a number of each of B resamples from how often it holds each sample, ``(B, N)``."""

_RESAMPLES = 2_000
_MAX_COUNTS = 2_000_000  # of samples in the resamples that are held at once: 16 MB


def wilson_interval(right: float, num: float) -> Interval:
    """Return the 95 % Wilson score interval of a share.

    Unlike the mean plus and minus two standard errors it stays within 0 and 1, and has a width
    where all samples are right.

    Args:
        right: How many samples are right.
        num: Of how many samples, at least 1.

    Reference:
        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> [round(end, 4) for end in wilson_interval(81, 263)]
        [0.2553, 0.3662]
    """
    from scipy.special import ndtri  # scipy.stats takes several times as long to import

    z = float(ndtri(0.975))
    share = right / num
    centre = share + z * z / (2 * num)
    half = z * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num))
    scale = 1 + z * z / num
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def clustered_wilson_interval(scores: Floats) -> Interval:
    """Return Wilson's interval of the mean share of right answers, where each sample has several.

    The answers of several nets to one sample are alike, so they count for as many independent ones
    as give the mean the same variance; for one net these are the samples.

    Args:
        scores: Share of right answers to each sample, ``(N,)``.

    Reference:
        N. Dean and M. Pagano, "Evaluating Confidence Interval Methods for Binomial Proportions in
        Clustered Surveys", 2015.
    """
    share, variance = float(scores.mean()), float(scores.var())
    num = len(scores) * share * (1 - share) / variance if variance else len(scores)
    return wilson_interval(share * num, num)


def bootstrap(statistic: Statistic, num: int) -> tuple[Interval, Floats]:
    """Resample samples with replacement, for what has no formula.

    It draws the same resamples each time, so that a report repeats, and a part of them at a time,
    so that its memory does not grow with the number of samples.

    Args:
        statistic: Computes a number of each resample.
        num: Number of samples N, at least 2.

    Returns:
        The 95 % interval between percentiles, and the number of each resample, ``(2000,)``.

    Reference:
        B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    draws, size = np.random.default_rng(0), max(1, _MAX_COUNTS // num)
    found = []
    for first in range(0, _RESAMPLES, size):
        counts = np.empty((min(size, _RESAMPLES - first), num))
        for row in counts:  # several times as fast as draws.multinomial
            row[:] = np.bincount(draws.integers(num, size=num), minlength=num)
        found.append(statistic(counts))
    drawn = np.concatenate(found)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return (low, high), drawn
