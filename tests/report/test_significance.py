"""Tests and their correction: against published examples, and scipy's own functions."""

import math

import pytest
from scipy import stats

from mlp_lab.report.significance import holm, mcnemar, paired_t_power, seeds_needed
from mlp_lab.report.spread import Spread


def test_mcnemar_is_as_published() -> None:
    """M. P. Fay, "Exact McNemar's Test and Matching Confidence Intervals" (R package exact2x2)."""
    assert mcnemar(2, 9) == pytest.approx(0.06543, abs=5e-6)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 3), (86, 150), (700, 500)])
def test_mcnemar_is_a_test_of_the_samples_that_differ(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second).pvalue
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(expected)


def test_nets_that_answer_alike_do_not_differ() -> None:
    assert mcnemar(0, 0) == 1


def test_holm_by_hand() -> None:
    """The smallest of four counts four times, the next one three times, and none less than it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_power_is_as_published() -> None:
    """K. L. Wuensch, "G*Power: t Tests": 25 pairs, effect 1/3, two-sided at 5 %: 0.360."""
    assert paired_t_power(1 / 3, 25) == pytest.approx(0.360, abs=5e-4)


@pytest.mark.parametrize(("effect", "num"), [(0.1, 2), (0.5, 34), (-1.0, 10), (8.0, 3)])
def test_power_is_scipys(effect: float, num: int) -> None:
    critical, shift = stats.t.ppf(0.975, num - 1), effect * math.sqrt(num)
    by_scipy = stats.nct(num - 1, shift)
    expected = by_scipy.sf(critical) + by_scipy.cdf(-critical)
    assert paired_t_power(effect, num) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("effect", "num"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_as_many_pairs_as_gpower_says(effect: float, num: int) -> None:
    """J. Cohen's small, medium and large effects, and one deviation, by G*Power 3.1."""
    assert seeds_needed(Spread(-effect, 1.0, 3)) == num


def test_large_and_tiny_differences() -> None:
    assert seeds_needed(Spread(1.0, 0.01, 3)) == 2
    assert seeds_needed(Spread(1e-3, 1.0, 3)) == pytest.approx(7.849e6, rel=1e-3)


@pytest.mark.parametrize("spread", [Spread(0.1, None, 1), Spread(0.1, 0.0, 2), Spread(0.0, 0.1, 2)])
def test_nothing_tells_how_many_seeds(spread: Spread) -> None:
    assert seeds_needed(spread) is None
