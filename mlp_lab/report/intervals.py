"""Confidence intervals of a metric over the test samples: other samples give other numbers."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
"""Lower and upper end of a 95 % confidence interval."""

_RESAMPLES = 2_000


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


def clustered_wilson_interval(scores: NDArray[np.float64]) -> Interval:
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


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], num: int
) -> tuple[Interval, NDArray[np.float64]]:
    """Resample samples with replacement, for what has no formula.

    It draws the same resamples each time, so that a report repeats.

    Args:
        statistic: Computes a number from the places of some samples, ``(N,)``.
        num: Number of samples N, at least 2.

    Returns:
        The 95 % interval between percentiles, and the number of each resample, ``(2000,)``.

    Reference:
        B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    from scipy import stats

    result = stats.bootstrap(
        (np.arange(num),),
        statistic,
        vectorized=False,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=0,
    )
    ends = result.confidence_interval
    return (float(ends.low), float(ends.high)), np.asarray(result.bootstrap_distribution)
