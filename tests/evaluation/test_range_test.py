import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.evaluation.range_test import evaluate_range_test, find_valley, fit_lines

RATES = np.geomspace(1e-6, 1, 121)  # 20 steps a decade


def falls_at(rate: float, noise: float = 0.0) -> NDArray[np.floating]:
    """Return losses that fall from 2.3 to 0.3 in an S over the logarithm of the rate."""
    fallen = 2 / (1 + np.exp(-5 * np.log10(RATES / rate)))
    losses: NDArray[np.floating] = 2.3 - fallen
    return losses + noise * np.random.default_rng(0).standard_normal(len(RATES))


def test_lines_follow_a_slope_to_both_ends() -> None:
    x = np.linspace(-6, 0, 31)
    values, slopes = fit_lines(x, 2.0 - 0.5 * x, bandwidth=0.25)
    np.testing.assert_allclose(values, 2.0 - 0.5 * x)
    np.testing.assert_allclose(slopes, -0.5)


def test_the_steepest_slope_is_that_over_the_logarithm() -> None:
    test = evaluate_range_test([*RATES], [*falls_at(1e-3)])
    assert test.steepest == pytest.approx(1e-3)  # where an S is steepest
    by_rate = RATES[np.argmin(np.gradient(falls_at(1e-3), RATES))]
    assert by_rate < 0.7e-3  # the slope over the rate itself leans to the left


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_noise_moves_it_by_less_than_a_grid_would(rate: float) -> None:
    test = evaluate_range_test([*RATES], [*falls_at(rate, noise=0.15)])
    assert test.steepest is not None
    assert rate / 2 < test.steepest < rate * 2


def test_where_nothing_is_learnt_the_curve_is_flat_and_nothing_stands_out() -> None:
    test = evaluate_range_test([*RATES], [2.3] * len(RATES))
    np.testing.assert_allclose(test.smoothed, 2.3)
    assert (test.steepest, test.valley) == (None, None)
    noise = 2.3 + 0.1 * np.random.default_rng(0).standard_normal(len(RATES))
    assert evaluate_range_test([*RATES], [*noise]).steepest is None


@pytest.mark.parametrize("num", [3, 9])
def test_a_range_that_is_too_narrow_suggests_nothing(num: int) -> None:
    test = evaluate_range_test([*RATES[:num]], [*np.linspace(2.3, 1.0, num)])
    assert (test.steepest, test.valley) == (None, None)


def test_what_explodes_at_the_end_moves_nothing() -> None:
    losses = falls_at(1e-3)
    losses[110:] = 2.3
    exploding = losses.copy()
    exploding[110:] = np.geomspace(10, 1e6, 11)
    first, second = (evaluate_range_test([*RATES], [*y]) for y in (losses, exploding))
    assert first.steepest == second.steepest
    assert first.valley == second.valley


def test_a_fall_after_the_loss_has_risen_again_does_not_count() -> None:
    bump = 1.5 / (1 + np.exp(-8 * np.log10(RATES / 2e-2)))
    leap = 1.9 / (1 + np.exp(-20 * np.log10(RATES / 2e-1)))  # steeper than the descent
    test = evaluate_range_test([*RATES], [*(falls_at(1e-3) + bump - leap)])
    assert test.steepest == pytest.approx(1e-3, rel=0.15)


def test_from_the_first_loss_that_is_not_finite_none_counts() -> None:
    losses = falls_at(1e-3)
    broken = [*losses[:100], float("nan"), *losses[101:]]
    test = evaluate_range_test([*RATES], broken)
    assert len(test.rates) == len(test.losses) == len(test.smoothed) == 100
    assert test.steepest == pytest.approx(1e-3)
    assert evaluate_range_test([*RATES], [float("nan")] * len(RATES)).steepest is None


@pytest.mark.parametrize(
    ("losses", "index"),
    [
        # By hand after fastai's `valley`: six values fall and end at index 6, so the valley begins
        # at 6 - 6 = 0, and its middle is 0 + 6 // 3 + 6 // 6.
        ([3.0, 3.0, 2.9, 2.5, 2.0, 1.0, 0.5, 4.0], 3),
        # The same with a rise within, which belongs to no descent.
        ([3.0, 2.9, 2.5, 2.7, 2.0, 1.0, 0.5, 4.0], 3),
        # Four values that fall to index 5: 5 - 4 + 4 // 3 + 4 // 6.
        ([1.0, 2.0, 1.9, 1.8, 2.5, 1.7], 2),
    ],
)
def test_the_valley_is_the_middle_of_the_longest_descent(losses: list[float], index: int) -> None:
    assert find_valley(np.asarray(losses)) == index
