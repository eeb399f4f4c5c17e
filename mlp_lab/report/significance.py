"""Whether a difference may be chance: tests in pairs, their correction, how many seeds it takes."""

import math
from collections.abc import Sequence

from mlp_lab.report.spread import Spread

LEVEL = 0.05
"""Differences with a smaller p value are called more than chance."""

_POWER = 0.8
_NORMAL_FROM = 1_000  # seeds; the t distribution hardly differs from the normal one there


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p value of McNemar's exact test of two nets on the same samples.

    Samples that both predict rightly, or both wrongly, tell nothing of the difference.

    Args:
        only_first: Samples that the first net alone predicts rightly.
        only_second: Samples that the second net alone predicts rightly.

    Reference:
        Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
        percentages", 1947.

    Example:
        >>> round(mcnemar(2, 9), 5)
        0.06543
    """
    from scipy.special import bdtr  # scipy.stats takes several times as long to import

    fewer, num = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, num, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number: the more comparisons, the more look large by chance.

    With corrected ones below 5 %, at most 5 of 100 such tables claim any difference that is none.

    Reference:
        S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
        [0.03, 0.06, 0.06, 0.02]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for done, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - done) * p_values[place]))
        corrected[place] = largest
    return corrected


def paired_t_power(effect: float, num: int) -> float:
    """Return how often a two-sided paired t test at 5 % finds a difference that is there.

    Args:
        effect: The mean of the differences divided by their standard deviation.
        num: Number of pairs, at least 2.

    Example:
        >>> round(paired_t_power(1 / 3, 25), 2)
        0.36
    """
    from scipy.special import nctdtr, stdtrit

    critical = stdtrit(num - 1, 1 - LEVEL / 2)
    shift = abs(effect) * math.sqrt(num)
    within = nctdtr(num - 1, shift, critical) - nctdtr(num - 1, shift, -critical)
    return 1 - float(within)


def seeds_needed(difference: Spread) -> int | None:
    """Return how many shared seeds a paired t test needs to find a difference 8 times out of 10.

    It takes mean and deviation for the true ones, which few seeds know but roughly.

    Args:
        difference: Over the seeds that are there.

    Returns:
        The number; None for one seed, for folds, which are no more than they are, and where all
        seeds have the same difference, or none.
    """
    from scipy.special import ndtri

    if not difference.deviation or not difference.mean or difference.overlap:
        return None
    effect = abs(difference.mean) / difference.deviation
    normal = (float(ndtri(1 - LEVEL / 2)) + float(ndtri(_POWER))) / effect
    num = max(2, math.ceil(normal * normal))
    while num < _NORMAL_FROM and paired_t_power(effect, num) < _POWER:
        num += 1
    return num
