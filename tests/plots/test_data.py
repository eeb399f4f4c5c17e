import numpy as np
import pytest
from matplotlib.patches import Rectangle

from mlp_lab.plots import plot_class_bars, plot_curve, plot_points, plot_predictions
from tests.plots.helpers import legend_texts


@pytest.mark.parametrize("num_classes", [2, 10, 100])
def test_a_bar_for_each_class_and_split(num_classes: int) -> None:
    counts = {"train": list(range(num_classes)), "test": [5] * num_classes}
    names = [f"Klasse {k} ö" for k in range(num_classes)]
    axes = plot_class_bars(counts, names, "samples", "").axes[0]
    widths = [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]
    assert widths == [*range(num_classes), *[5] * num_classes]
    assert [label.get_text() for label in axes.get_yticklabels()] == names


def test_points_are_drawn_by_class() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    axes = plot_points(points, ["left", "right", "left"], "title").axes[0]
    drawn = [np.asarray(c.get_offsets()).tolist() for c in axes.collections]
    assert drawn == [[[0.0, 1.0], [4.0, 5.0]], [[2.0, 3.0]]]


def test_scores_have_a_bar_for_each_class() -> None:
    figure = plot_class_bars({"precision": [0.5, 1], "recall": [0.25, 0]}, ["a", "b"], "", "")
    widths = [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]
    assert widths == [[0.5, 1], [0.25, 0]]


def test_an_axis_of_bars_begins_at_zero_and_ends_where_it_is_told_to() -> None:
    scores = {"precision": [0.5, 0.93]}
    for end, expected in ((1.0, 1.0), (None, pytest.approx(0.93 * 1.05))):
        axes = plot_class_bars(scores, ["a", "b"], "", "", end=end).axes[0]
        assert axes.get_xlim() == (0, expected)


def test_predicted_targets_are_drawn_over_true_ones() -> None:
    true = np.arange(6.0).reshape(3, 2)
    figure = plot_predictions(true + 1, true, "")
    points = figure.axes[0].collections[1].get_offsets()
    np.testing.assert_array_equal(points, np.stack([true[:, 1], true[:, 1] + 1], 1))
    assert legend_texts(figure) == ["target 1", "target 2", "perfect prediction"]


def test_a_single_target_gives_the_axes_its_name_and_many_points_are_faint() -> None:
    true = np.arange(10_000.0)[:, None]
    (axes,) = plot_predictions(true, true, "", ["price"]).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("true price", "predicted price")
    assert axes.collections[0].get_alpha() == 0.2
    assert legend_texts(axes.figure) == ["samples", "perfect prediction"]  # type: ignore[arg-type]  # a Figure


def test_a_curve_is_drawn_from_left_to_right_over_its_points() -> None:
    x, y = np.array([2.0, 1.0, 3.0]), np.array([20.0, 10.0, 30.0])
    figure = plot_curve({"samples": (x, y)}, "", {"fit": (x, y)}, {"truth": (x, -y)})
    assert legend_texts(figure) == ["samples", "fit", "truth"]
    solid, dashed = figure.axes[0].lines
    np.testing.assert_array_equal(solid.get_xydata(), [[1, 10], [2, 20], [3, 30]])
    np.testing.assert_array_equal(dashed.get_xydata(), [[1, -10], [2, -20], [3, -30]])
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
