"""What a search has tried, and which of its settings mattered."""

from collections.abc import Mapping
from itertools import accumulate

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlp_lab.plots.canvas import format_names, new_axes
from mlp_lab.runs.metrics_csv import History

_BAR_INCHES = 0.35
_MAX_NAME_LENGTH = 40


def plot_search_history(
    complete: History, pruned: History, name: str, *, highest_is_best: bool
) -> Figure:
    """Draw the score of each trial over its number, and the best until then.

    Args:
        complete: Numbers and scores of the trials that came to their end.
        pruned: Numbers and last scores of those that were given up.
        name: Name of the score.
        highest_is_best: Whether a higher score is better.
    """
    title = "Optimisation history"
    figure, axes = new_axes(6, 4, xlabel="trial", ylabel=name, title=title)
    axes.scatter(*complete, s=16, label="complete")
    if len(pruned[0]):
        axes.scatter(*pruned, s=16, marker="x", color="grey", label="pruned, last score")
    numbers, scores = complete
    best = list(accumulate(scores, max if highest_is_best else min))
    end = max([*numbers, *pruned[0]])
    axes.step([*numbers, end], [*best, best[-1]], where="post", color="black", label="best so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure


def plot_importances(importances: Mapping[str, float]) -> Figure:
    """Draw how much of the score's variation each parameter accounts for, in 0..1."""
    names = format_names([*importances], _MAX_NAME_LENGTH)
    height = max(2.5, _BAR_INCHES * len(names) + 1.2)
    figure, axes = new_axes(6, height, xlabel="importance", title="Parameter importances")
    axes.barh(range(len(names)), [*importances.values()])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0)
    return figure
