"""Metrics over the steps or epochs of a training."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlp_lab.plots.canvas import MAX_COLOURS, format_names, new_axes
from mlp_lab.runs.metrics_csv import History

_MAX_NAME_LENGTH = 60
_LETTERS_PER_ROW = 70  # of the legend, the samples of its lines counted
_SAMPLE_LENGTH = 8  # of a line in the legend, in letters
_ROW_INCHES = 0.21
_STYLES = ("-", "--", ":", "-.")  # one after the other, where colours repeat


def plot_history(
    values: Mapping[str, History],
    unit: str,
    title: str,
    *,
    log: bool = False,
    best: float | None = None,
) -> Figure:
    """Plot values, by name, over steps or epochs, and mark the best; ``log`` is of the y axis.

    The legend is below the axes, where it covers no curve.
    """
    names = format_names([*values], _MAX_NAME_LENGTH)
    names += ["best checkpoint"] * (best is not None)
    longest = max(map(len, names), default=0)
    columns = max(1, min(_LETTERS_PER_ROW // (longest + _SAMPLE_LENGTH), len(names)))
    rows = -(-len(names) // columns)
    figure, axes = new_axes(6, 4 + _ROW_INCHES * (rows - 1), xlabel=unit, title=title)
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        axes.set_yscale("log")
    # Lines are given apart from their names, since matplotlib leaves out names that begin with _.
    figure.legend(lines, names, loc="outside lower center", ncols=columns)
    return figure
