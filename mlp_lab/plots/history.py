"""How numbers change in the course of a training."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlp_lab.plots.canvas import NUM_NAMED, drawable, new_axes
from mlp_lab.runs.metrics_csv import History

_LONGEST_NAME = 60
_MOST_INSIDE = 6  # lines that leave room for their key
_STYLES = ("-", "--", ":", "-.")  # one after the other, where colours come again


def plot_history(
    values: Mapping[str, History],
    unit: str,
    title: str,
    *,
    log: bool = False,
    best: float | None = None,
) -> Figure:
    """Draw numbers over steps or epochs.

    Args:
        values: The numbers and when they were so, by what they are called.
        unit: What is counted: step or epoch.
        title: What is shown.
        log: Whether the numbers are drawn on a logarithmic scale.
        best: When the best checkpoint was written.
    """
    many = len(values) > _MOST_INSIDE
    figure, axes = new_axes(8 if many else 6, xlabel=unit, title=title)
    names = drawable([*values], _LONGEST_NAME)
    lines = [
        line
        for number, (when, what) in enumerate(values.values())
        for line in axes.plot(
            *(when, what, _STYLES[number // NUM_NAMED % len(_STYLES)]),
            marker="o" if len(what) < 3 else None,
        )
    ]
    if best is not None:
        lines.append(axes.axvline(best, color="grey", linestyle="--"))
        names.append("best checkpoint")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        axes.set_yscale("log")
    # Beside many lines a key would lie on them. Said apart: names that begin with _ are left out.
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if many else {}
    axes.legend(lines, names, **place)
    return figure
