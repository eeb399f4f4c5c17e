import pytest
from scipy import stats

from mlp_lab.report.spread import Spread

NUMBERS = [0.80, 0.82, 0.87]


def test_unknown_numbers_are_left_out() -> None:
    assert Spread.of([0.5, None]) == Spread(0.5, None, 1)
    assert Spread.of([None]) is None


def test_deviation_is_that_of_a_sample() -> None:
    spread = Spread.of(NUMBERS)
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.n) == pytest.approx((0.83, 0.0360555, 3))


def test_the_confidence_interval_is_that_of_scipy() -> None:
    spread = Spread.of(NUMBERS)
    assert spread is not None
    expected = stats.ttest_1samp(NUMBERS, 0).confidence_interval(0.95)
    assert spread.confidence_interval() == pytest.approx((expected.low, expected.high))


def test_the_p_value_is_that_of_scipy() -> None:
    differences = [0.01, -0.02, 0.05, 0.03]
    spread = Spread.of(differences)
    assert spread is not None
    assert spread.p_value() == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


@pytest.mark.parametrize("numbers", [[0.5], [0.5, 0.5]])
def test_without_deviation_there_is_no_interval(numbers: list[float]) -> None:
    spread = Spread.of(numbers)
    assert spread is not None
    assert spread.confidence_interval() is None
    assert spread.p_value() is None


def test_the_interval_over_folds_is_the_corrected_resampled_t() -> None:
    """By hand: s = 0.0158114 of five folds, half = 2.776445 s sqrt(1/5 + 1/4)."""
    spread = Spread.of([0.90, 0.91, 0.92, 0.93, 0.94], overlap=1 / 4)
    assert spread is not None
    assert spread.standard_error == pytest.approx(0.0158114 * 0.6708204, abs=1e-7)
    assert spread.confidence_interval() == pytest.approx((0.92 - 0.0294485, 0.92 + 0.0294485))
    independent = Spread.of([0.90, 0.91, 0.92, 0.93, 0.94])
    assert independent is not None
    assert independent.confidence_interval() == pytest.approx((0.92 - 0.0196324, 0.92 + 0.0196324))
