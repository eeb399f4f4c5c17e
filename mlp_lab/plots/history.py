"""How numbers change in the course of a training."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure


def plot_history(
    values: Mapping[str, Sequence[float]], unit: str, title: str, *, log: bool = False
) -> Figure:
    """Draw numbers over steps or epochs, counted from 1.

    Args:
        values: The numbers, by what they are called.
        unit: What is counted: step or epoch.
        title: What is shown.
        log: Whether the numbers are drawn on a logarithmic scale.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, numbers in values.items():
        axes.plot(range(1, len(numbers) + 1), numbers, label=name)
    axes.set(xlabel=unit, title=title)
    if log:
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return figure
