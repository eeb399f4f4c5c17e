import numpy as np
import pytest
from matplotlib.collections import LineCollection

from mlp_lab.plots import plot_column_importances


def test_the_column_that_matters_most_is_at_the_top_with_its_spread() -> None:
    drops = np.array([[0.0, 0.0], [0.1, 0.3], [-0.1, 0.0]])
    (axes,) = plot_column_importances(drops, ["a", "b", "c"], "accuracy", 50).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "c"]
    bars = axes.containers[1]
    widths = [bar.get_width() for bar in bars]
    assert widths == pytest.approx([0.2, 0, -0.05])
    spreads = axes.collections[0]
    assert isinstance(spreads, LineCollection)
    ends = [segment[:, 0].tolist() for segment in spreads.get_segments()]
    assert np.ravel(ends) == pytest.approx([0.1, 0.3, 0, 0, -0.1, 0])
    assert axes.yaxis_inverted()
    assert axes.get_xlabel() == (
        "drop in accuracy when a column is shuffled\n"
        "(mean ± standard deviation of 2 shufflings; 50 test samples)"
    )


def test_of_many_columns_the_first_thirty_are_drawn() -> None:
    drops = np.arange(40.0)[:, None]
    (axes,) = plot_column_importances(drops, [f"c{n}" for n in range(40)], "R²", 50).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"c{n}" for n in range(39, 9, -1)]
    assert axes.get_title() == "Permutation importance, the first 30 of 40 columns"
