from mlp_lab.plots import plot_importances, plot_search_history
from tests.plots.helpers import legend_texts


def test_the_best_so_far_is_drawn_to_the_last_trial() -> None:
    figure = plot_search_history(
        ([0, 2, 3], [0.5, 0.4, 0.7]), ([1, 4], [0.1, 0.2]), "score", highest_is_best=True
    )
    (axes,) = figure.axes
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0, 2, 3, 4]  # type: ignore[arg-type]  # a list
    assert list(line.get_ydata()) == [0.5, 0.5, 0.7, 0.7]  # type: ignore[arg-type]  # a list
    assert legend_texts(figure) == ["complete", "pruned, last score", "best so far"]


def test_a_loss_is_best_at_its_lowest_and_nothing_pruned_is_not_drawn() -> None:
    figure = plot_search_history(([0, 1], [0.5, 0.4]), ([], []), "loss", highest_is_best=False)
    (line,) = figure.axes[0].lines
    assert list(line.get_ydata()) == [0.5, 0.4, 0.4]  # type: ignore[arg-type]  # a list
    assert legend_texts(figure) == ["complete", "best so far"]


def test_importances_are_bars_from_the_top() -> None:
    (axes,) = plot_importances({"model.optimizer.lr": 0.8, "data.batch_size": 0.2}).axes
    assert [bar.get_width() for bar in axes.patches] == [0.8, 0.2]  # type: ignore[attr-defined]  # bars
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("model.optimizer.lr", "data.batch_size"),
    ]
    assert axes.yaxis_inverted()
