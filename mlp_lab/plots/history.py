"""Metrics over the steps or epochs of a training."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlp_lab.plots.canvas import MAX_COLOURS, format_names, new_axes
from mlp_lab.runs.metrics_csv import History

_MAX_NAME_LENGTH = 60
_MAX_LINES_INSIDE = 6  # lines that leave room for their legend
_STYLES = ("-", "--", ":", "-.")  # one after the other, where colours repeat


def plot_history(
    values: Mapping[str, History],
    unit: str,
    title: str,
    *,
    log: bool = False,
    best: float | None = None,
) -> Figure:
    """Plot values, by name, over steps or epochs, and mark the best; ``log`` is of the y axis."""
    many = len(values) > _MAX_LINES_INSIDE
    figure, axes = new_axes(8 if many else 6, xlabel=unit, title=title)
    names = format_names([*values], _MAX_NAME_LENGTH)
    lines = [
        line
        for number, (x, y) in enumerate(values.values())
        for line in axes.plot(
            *(x, y, _STYLES[number // MAX_COLOURS % len(_STYLES)]),
            marker="o" if len(y) < 3 else None,
        )
    ]
    if best is not None:
        lines.append(axes.axvline(best, color="grey", linestyle="--"))
        names.append("best checkpoint")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        axes.set_yscale("log")
    # Many lines would be covered by it. Lines are given apart from their names, since matplotlib
    # leaves out names that begin with _.
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if many else {}
    axes.legend(lines, names, **place)
    return figure
