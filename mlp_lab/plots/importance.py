"""Which columns of a table a net relies on."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import format_names, new_axes

_MOST_SHOWN = 30
_BAR_INCHES = 0.26


def plot_column_importances(
    drops: NDArray[np.floating], names: Sequence[str], score: str, num_rows: int
) -> Figure:
    """Draw how far a score falls when a column is shuffled, the most important columns first.

    Args:
        drops: What each of R shufflings costs, ``(D, R)``.
        names: Names of the D columns.
        score: Name of the score.
        num_rows: Test samples that were scored.
    """
    mean, std = drops.mean(1), drops.std(1)
    order = np.argsort(-mean, kind="stable")[:_MOST_SHOWN]
    title = "Permutation importance"
    if len(order) < len(names):
        title += f", the first {len(order)} of {len(names)} columns"
    figure, axes = new_axes(
        *(7, _BAR_INCHES * len(order) + 1.8),
        xlabel=f"drop in {score} when a column is shuffled\n"
        f"(mean ± standard deviation of {drops.shape[1]} shufflings; {num_rows:,} test samples)",
        title=title,
    )
    axes.barh(range(len(order)), mean[order], xerr=std[order], error_kw={"capsize": 2})
    axes.set_axisbelow(True)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(order)), format_names([names[place] for place in order]))
    axes.invert_yaxis()
    axes.margins(y=0.02)
    return figure
