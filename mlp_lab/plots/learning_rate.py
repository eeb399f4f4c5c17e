"""Loss over learning rate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mlp_lab.plots.canvas import choose_colours, new_axes


def plot_learning_rate_search(
    rates: Sequence[float], losses: Sequence[float], chosen: float | None
) -> Figure:
    """Plot smoothed losses over a learning rate that rises at each step, and the rate chosen."""
    figure, axes = new_axes(
        *(6.4, 4),
        xscale="log",
        xlabel="learning rate",
        ylabel="training loss, smoothed",
        title="Learning rate search",
    )
    axes.plot(rates, losses)
    # After the lowest, losses shoot up to several times the first and would flatten all others.
    falling = np.asarray(losses)[: int(np.argmin(losses)) + 1]
    low, high = falling.min(), falling.max()
    margin = 0.1 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    if chosen is not None:
        _, orange = choose_colours(2)
        axes.axvline(chosen, color=orange, linestyle="--", label=f"chosen: {chosen:.2g}")
        axes.legend()
    return figure
