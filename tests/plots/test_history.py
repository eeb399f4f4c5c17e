import pytest

from mlp_lab.plots import plot_history, to_png
from tests.plots.helpers import legend_texts


def test_the_best_checkpoint_and_the_lowest_loss_are_marked() -> None:
    figure = plot_history({"a": ([1, 2], [3, 4])}, "epoch", "", best=2, lowest=1)
    lines = figure.axes[0].lines
    assert [list(line.get_xdata()) for line in lines] == [[1, 2], [2, 2], [1, 1]]  # type: ignore[arg-type]  # lists
    assert lines[1].get_linestyle() != lines[2].get_linestyle()
    assert legend_texts(figure) == ["a", "best checkpoint", "lowest validation loss"]


def test_many_lines_differ_in_colour_or_style() -> None:
    values = {f"_{n}": ([1, 2, 3], [n, n, n]) for n in range(15)}
    figure = plot_history(values, "step", "Loss", log=True)
    lines = figure.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 15
    assert legend_texts(figure) == [*values]
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize(("num", "length"), [(1, 5), (3, 20), (10, 60), (15, 3)])
def test_the_legend_covers_no_curve(num: int, length: int) -> None:
    values = {f"{n}".rjust(length, "x"): ([1, 2, 3], [n, 2, 0]) for n in range(num)}
    figure = plot_history(values, "epoch", "Loss", best=2)
    to_png(figure)
    (legend,) = figure.legends
    legend_box, axes_box = legend.get_window_extent(), figure.axes[0].get_tightbbox()
    assert axes_box is not None
    assert legend_box.y1 <= axes_box.y0
    assert legend_box.x0 >= 0
    assert legend_box.x1 <= figure.bbox.x1
    assert figure.axes[0].get_window_extent().height > 350  # pixels of 130 to an inch


def test_a_single_value_is_a_point() -> None:
    (line,) = plot_history({"a": ([1], [2])}, "epoch", "").axes[0].lines
    assert line.get_marker() == "o"
