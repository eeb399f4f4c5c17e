"""Metrics over the steps or epochs of a training."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mlp_lab.plots.canvas import MAX_COLOURS, format_names, new_axes
from mlp_lab.runs.metrics_csv import History

_MAX_NAME_LENGTH = 60
_LETTERS_PER_ROW = 80  # of the legend
_SAMPLE_LETTERS = 9  # that a line in the legend takes beside its name
_ROW_INCHES = 0.18
_MARKS = {"best checkpoint": "--", "lowest validation loss": ":"}
_STYLES = ("-", "--", ":", "-.")  # one after the other, where colours repeat


def plot_history(
    values: Mapping[str, History],
    unit: str,
    title: str,
    *,
    log: bool = False,
    best: float | None = None,
    lowest: float | None = None,
) -> Figure:
    """Plot values, by name, over steps or epochs; ``log`` is of the y axis.

    Where the best checkpoint was kept, and validation loss was lowest, is marked. The legend is
    below the axes, where it covers no curve.
    """
    places = {"best checkpoint": best, "lowest validation loss": lowest}
    marks = {name: place for name, place in places.items() if place is not None}
    names = [*format_names([*values], _MAX_NAME_LENGTH), *marks]
    letters = [len(name) + _SAMPLE_LETTERS for name in names]
    fits_one_row = sum(letters) <= _LETTERS_PER_ROW
    columns = len(names) if fits_one_row else max(1, _LETTERS_PER_ROW // max(letters))
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
    lines += [
        axes.axvline(place, color="grey", linestyle=_MARKS[name]) for name, place in marks.items()
    ]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        axes.set_yscale("log")
    # Lines are given apart from their names, since matplotlib leaves out names that begin with _.
    figure.legend(lines, names, loc="outside lower center", ncols=columns, fontsize=8)
    return figure
