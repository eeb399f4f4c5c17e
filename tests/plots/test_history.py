from mlp_lab.plots import plot_history
from tests.plots.helpers import legend_texts


def test_the_best_checkpoint_is_marked() -> None:
    figure = plot_history({"a": ([1, 2], [3, 4])}, "epoch", "", best=2)
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[1, 2], [2, 2]]  # type: ignore[arg-type]  # lists
    assert legend_texts(figure) == ["a", "best checkpoint"]


def test_many_lines_differ_in_colour_or_style_and_have_their_legend_beside_them() -> None:
    values = {f"_{n}": ([1, 2, 3], [n, n, n]) for n in range(15)}
    figure = plot_history(values, "step", "Loss", log=True)
    lines = figure.axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 15
    assert legend_texts(figure) == [*values]
    assert figure.get_size_inches()[0] == 8
    assert figure.axes[0].get_yscale() == "log"


def test_a_single_value_is_a_point() -> None:
    (line,) = plot_history({"a": ([1], [2])}, "epoch", "").axes[0].lines
    assert line.get_marker() == "o"
