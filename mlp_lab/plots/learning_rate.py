"""Loss against learning rate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def plot_learning_rate_search(
    rates: Sequence[float], losses: Sequence[float], chosen: float | None
) -> Figure:
    """Draw the loss of a training whose learning rate rises at each step, and the rate chosen.

    Args:
        rates: Learning rate of each step.
        losses: Loss after each step, smoothed.
        chosen: The rate to be marked; None for none.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses)
    axes.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="training loss, smoothed",
        title="Learning rate",
    )
    # After the lowest, losses shoot up to several times the first and would flatten all others.
    falling = np.asarray(losses)[: int(np.argmin(losses)) + 1]
    low, high = falling.min(), falling.max()
    margin = 0.1 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    if chosen is not None:
        axes.axvline(chosen, color="C1", linestyle="--", label=f"chosen: {chosen:.2g}")
        axes.legend()
    axes.grid(visible=True, alpha=0.3)
    return figure
