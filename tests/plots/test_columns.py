import numpy as np
import pytest
from matplotlib.axes import Axes

from mlp_lab.plots import (
    DrawnColumn,
    plot_columns_by_class,
    plot_columns_by_target,
    plot_correlation,
)
from tests.plots.helpers import legend_texts


def heights_of(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]  # type: ignore[attr-defined]  # bars


def test_categories_have_the_share_of_each_class_and_absent_ones_no_place() -> None:
    colour = DrawnColumn("colour", np.array([0, 0, 1, 3]), ("red", "blue", "other", "missing"))
    figure = plot_columns_by_class([colour], np.array([0, 0, 0, 1]), ["a", "b"], "title")
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["red", "blue", "missing"]
    assert heights_of(axes) == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 1])
    assert legend_texts(figure) == ["a", "b"]


def test_small_integers_have_a_bar_each_and_missing_numbers_none() -> None:
    number = DrawnColumn("number", np.array([1.0, 1.0, 3.0, np.nan]))
    (axes,) = plot_columns_by_class([number], np.zeros(4, int), ["a", "b"], "").axes
    heights, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]  # stairs
    assert edges.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert heights.tolist() == [0.5, 0, 0.25]


def test_outliers_count_in_the_outermost_bar() -> None:
    values = np.append(np.linspace(0, 1, 999), 1e6)
    (axes,) = plot_columns_by_class([DrawnColumn("x", values)], np.zeros(1000, int), ["a"], "").axes
    heights, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]  # stairs
    assert edges[-1] < 1.01
    assert heights.sum() == pytest.approx(1)


@pytest.mark.parametrize("values", [np.full(3, np.nan), np.full(3, 2.5)])
def test_a_column_without_different_numbers_is_drawn(values: np.ndarray) -> None:
    columns = [DrawnColumn("x", values)]
    assert len(plot_columns_by_class(columns, np.arange(3) % 2, ["a", "b"], "").axes) == 1
    assert len(plot_columns_by_target(columns, np.arange(3.0), "y", "").axes) == 1


def test_of_many_classes_and_columns_the_title_says_which_are_drawn() -> None:
    columns = [DrawnColumn(f"c{n}", np.arange(18.0)) for n in range(30)]
    names = [f"class {n}" for n in range(9)]
    figure = plot_columns_by_class(columns, np.arange(18) % 9, names, "title")
    assert figure.get_suptitle() == "title, the first 24 of 30 columns"
    assert figure.legends[0].get_title().get_text() == "class, the 6 most frequent of 9"


def test_targets_are_points_over_numbers_and_boxes_over_categories() -> None:
    targets = np.array([1.0, 2.0, 3.0, 5.0])
    number = DrawnColumn("number", np.array([0.0, 1.0, np.nan, 2.0]))
    colour = DrawnColumn("colour", np.array([0, 0, 1, 1]), ("red", "blue", "other"))
    left, right = plot_columns_by_target([number, colour], targets, "price", "").axes
    assert left.get_ylabel() == "price"
    points = np.asarray(left.collections[0].get_offsets(), float)
    np.testing.assert_allclose(points, np.array([[0.002, 1], [1, 2], [1.998, 5]]))
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["red", "blue"]
    heights = [np.asarray(line.get_ydata(), float) for line in right.lines]
    assert {1.5, 4.0} <= {float(y[0]) for y in heights if len(y) and np.ptp(y) == 0}


def test_correlations_are_numbered_and_unknown_ones_blank() -> None:
    matrix = np.array([[1, -0.5, np.nan], [-0.5, 1, 0.001], [np.nan, 0.001, np.nan]])
    axes = plot_correlation(matrix, ["a", "b", "c"], "title").axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "1.00",
        "-.50",
        "-.50",
        "1.00",
        ".00",
        ".00",
    ]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
