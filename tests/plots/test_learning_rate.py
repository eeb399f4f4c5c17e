import numpy as np
import pytest

from mlp_lab.plots import plot_learning_rate_search

RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
LOSSES = [2.0, 1.9, 1.0, 0.5, 40.0]


def test_draws_the_losses_and_marks_the_choice() -> None:
    axes = plot_learning_rate_search(RATES, LOSSES, 1e-2).axes[0]
    curve, mark = axes.lines
    assert np.asarray(curve.get_xdata()).tolist() == RATES
    assert np.asarray(curve.get_ydata()).tolist() == LOSSES
    assert np.asarray(mark.get_xdata()).tolist() == [1e-2, 1e-2]
    assert axes.get_xscale() == "log"


def test_the_explosion_at_the_end_does_not_flatten_the_rest() -> None:
    axes = plot_learning_rate_search(RATES, LOSSES, None).axes[0]
    assert axes.get_ylim() == pytest.approx((0.35, 2.15))
    assert len(axes.lines) == 1
