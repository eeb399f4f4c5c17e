import numpy as np
import pytest

from mlp_lab.plots import plot_learning_rate_search

RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
LOSSES = [2.0, 1.9, 1.0, 0.5, 40.0]
SMOOTHED = [2.0, 1.7, 1.1, 0.6, 1.5]


def test_draws_the_losses_and_marks_both_candidates() -> None:
    rates = {"steepest slope": 1e-2, "valley": 1e-3}
    figure = plot_learning_rate_search(RATES, LOSSES, SMOOTHED, rates, chosen="steepest slope")
    (axes,) = figure.axes
    steps, smoothed, *marks = axes.lines
    for line, values in ((steps, LOSSES), (smoothed, SMOOTHED)):
        assert np.asarray(line.get_xdata()).tolist() == RATES
        assert np.asarray(line.get_ydata()).tolist() == values
    assert [np.asarray(mark.get_xdata()).tolist() for mark in marks] == [[1e-2] * 2, [1e-3] * 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("each step", "smoothed", "steepest slope: 0.01, taken", "valley: 0.001")
    ]
    assert axes.get_xscale() == "log"


def test_the_explosion_at_the_end_does_not_flatten_the_rest() -> None:
    axes = plot_learning_rate_search(RATES, LOSSES, SMOOTHED, {}).axes[0]
    assert axes.get_ylim() == pytest.approx((0.25, 2.35))
    assert len(axes.lines) == 2
