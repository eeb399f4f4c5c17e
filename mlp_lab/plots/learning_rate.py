"""Loss over learning rate."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mlp_lab.plots.canvas import choose_colours, new_axes

_STYLES = ("--", ":")


def plot_learning_rate_search(
    rates: ArrayLike,
    losses: ArrayLike,
    smoothed: ArrayLike,
    candidates: Mapping[str, float],
    chosen: str | None = None,
) -> Figure:
    """Plot losses over a learning rate that rises at each step, and the rates that they suggest.

    Args:
        rates: Learning rate of each step, ``(S,)``.
        losses: Loss of each step, ``(S,)``.
        smoothed: The same, smoothed, ``(S,)``.
        candidates: The rate that each rule suggests, two at most.
        chosen: The rule whose rate was taken.
    """
    figure, axes = new_axes(
        *(6.4, 4.4),
        xscale="log",
        xlabel="learning rate",
        ylabel="training loss",
        title="Learning rate search",
    )
    blue, *colours = choose_colours(3)
    axes.plot(rates, losses, ".", color="grey", alpha=0.6, markersize=6, label="each step")
    axes.plot(rates, smoothed, color=blue, label="smoothed")
    # In the end single losses shoot up to many times the first ones and would flatten all others.
    low, high = np.min(smoothed), np.max(smoothed)
    margin = 0.25 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    for (rule, rate), colour, style in zip(candidates.items(), colours, _STYLES, strict=False):
        taken = ", taken" if rule == chosen else ""
        axes.axvline(rate, color=colour, linestyle=style, label=f"{rule}: {rate:.2g}{taken}")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return figure
