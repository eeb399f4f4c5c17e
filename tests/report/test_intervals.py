"""Intervals over samples: against published examples, and scipy's own functions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mlp_lab.report.intervals import bootstrap, clustered_wilson_interval, wilson_interval

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven
# methods", Statistics in Medicine 17 (1998), table I, method 3.
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# Spatial test A of 26 children, table 14.1 of B. Efron and R. Tibshirani, "An Introduction to the
# Bootstrap" (1993).
SPATIAL = np.array(
    [
        *(48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6),
        *(0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41),
    ]
)


@pytest.mark.parametrize(("right", "num", "low", "high"), NEWCOMBE)
def test_wilson_is_as_published(right: int, num: int, low: float, high: float) -> None:
    assert wilson_interval(right, num) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("right", "num"), [(0, 1), (1, 1), (7, 10), (9_188, 10_000)])
def test_wilson_is_scipys(right: int, num: int) -> None:
    expected = stats.binomtest(right, num).proportion_ci(method="wilson")
    assert wilson_interval(right, num) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_several_answers_to_a_sample_count_by_how_much_they_differ() -> None:
    """By hand: shares 1, 1, 0.5 and 0 have mean 0.625 and variance 0.171875: 5.4545 answers."""
    found = clustered_wilson_interval(np.array([1, 1, 0.5, 0]))
    assert found == pytest.approx(wilson_interval(0.625 * 60 / 11, 60 / 11))


def test_one_answer_to_each_sample_is_wilsons() -> None:
    found = clustered_wilson_interval(np.repeat([1.0, 0.0], [81, 182]))
    assert found == pytest.approx(wilson_interval(81, 263))


def test_nets_that_are_always_right_have_an_interval() -> None:
    assert clustered_wilson_interval(np.ones(200)) == wilson_interval(200, 200)


def test_the_bootstrap_is_as_published() -> None:
    """The variance of the 26 values, and its 90 % percentile interval of 2,000 resamples."""
    assert SPATIAL.var() == pytest.approx(171.5, abs=0.05)
    _, drawn = bootstrap(
        lambda counts: counts @ SPATIAL**2 / 26 - (counts @ SPATIAL / 26) ** 2, len(SPATIAL)
    )
    assert len(drawn) == 2_000
    assert np.quantile(drawn, (0.05, 0.95)) == pytest.approx((100.8, 233.9), rel=0.05)


def test_the_bootstrap_repeats_and_holds_95_percent() -> None:
    (interval, drawn), again = (
        bootstrap(lambda counts: counts @ SPATIAL / 26, len(SPATIAL)) for _ in range(2)
    )
    assert interval == again[0]
    assert interval == pytest.approx(np.quantile(drawn, (0.025, 0.975)))
    by_formula = stats.t.interval(0.95, 25, SPATIAL.mean(), stats.sem(SPATIAL))
    assert interval == pytest.approx(by_formula, rel=0.03)


def test_the_bootstrap_draws_a_part_of_its_resamples_at_a_time() -> None:
    """Each has as many samples as there are; 16 MB are held at once."""
    sizes = []

    def count(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes.append(counts.nbytes)
        assert (counts.sum(1) == 10_000).all()
        return counts[:, 0]

    _, drawn = bootstrap(count, 10_000)
    assert len(drawn) == 2_000
    assert max(sizes) == 16_000_000
    assert drawn.mean() == pytest.approx(1, abs=0.1)  # how often a sample is drawn: Poisson of 1
    assert drawn.var() == pytest.approx(1, abs=0.15)
