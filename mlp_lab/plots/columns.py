"""The columns of a table, by class or against the target."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mlp_lab.plots.canvas import choose_colours, format_names

_MOST_COLUMNS = 24
_MOST_CATEGORIES = 12
_MOST_GROUPS = 6
_PER_ROW = 4
_LETTERS_BESIDE = 30  # that fit below a column
_BINS = 24
_OUTLIERS = (0.5, 99.5)  # percentiles beyond which a number counts in the outermost bar
_FAR_OUTLIERS = (0.1, 99.9)  # and is drawn at the edge
_MANY_POINTS = 1000
_MOST_NUMBERED = 16  # columns of a matrix with numbers in its cells
_CELL_INCHES = 0.42


@dataclass(frozen=True)
class DrawnColumn:
    """A column as it is drawn.

    Attributes:
        name: Its name.
        values: Numbers, or places in ``categories``, ``(N,)``; NaN where a number is missing.
        categories: Names of categories; empty for numbers.
    """

    name: str
    values: NDArray[Any]
    categories: tuple[str, ...] = ()


def plot_columns_by_class(
    columns: Sequence[DrawnColumn],
    labels: NDArray[np.integer],
    class_names: Sequence[str],
    title: str,
) -> Figure:
    """Draw a histogram of each column for each class, as shares of the class.

    Args:
        columns: The first 24 of them are drawn.
        labels: Class of each row, ``(N,)``.
        class_names: Names of the classes, of which the 6 most frequent are drawn.
        title: Title of the figure.
    """
    counts = np.bincount(labels, minlength=len(class_names))
    chosen = np.sort(np.argsort(-counts, kind="stable")[:_MOST_GROUPS])
    names = format_names(class_names)
    groups = {names[label]: labels == label for label in chosen.tolist() if counts[label]}
    figure, panels = _new_panels(columns, title)
    for axes, column in zip(panels, columns, strict=False):
        if column.categories:
            _draw_category_shares(axes, column, groups)
        else:
            _draw_histograms(axes, column, groups)
    for axes in panels[::_PER_ROW]:
        axes.set_ylabel("share of the class")
    colours = choose_colours(len(groups))
    patches = [Patch(color=c, label=name) for name, c in zip(groups, colours, strict=True)]
    heading = "class"
    if len(groups) < len(class_names):
        heading += f", the {len(groups)} most frequent of {len(class_names)}"
    figure.legend(handles=patches, title=heading, loc="outside lower center", ncols=_MOST_GROUPS)
    return figure


def plot_columns_by_target(
    columns: Sequence[DrawnColumn], targets: NDArray[np.floating], target: str, title: str
) -> Figure:
    """Draw the target over each number, and for each category its quartiles as a box.

    Args:
        columns: The first 24 of them are drawn.
        targets: The target of each row, ``(N,)``.
        target: Its name.
        title: Title of the figure.
    """
    figure, panels = _new_panels(columns, title, sharey=True)
    for axes, column in zip(panels, columns, strict=False):
        if column.categories:
            shown = _frequent(column)
            parts = [targets[column.values == place] for place in shown]
            axes.boxplot(parts, positions=range(len(shown)), widths=0.6, showfliers=False)
            _name_categories(axes, column, shown)
        else:
            present = ~np.isnan(column.values)
            numbers = column.values[present]
            if len(numbers):
                numbers = np.clip(numbers, *np.percentile(numbers, _FAR_OUTLIERS))
            alpha = min(1.0, _MANY_POINTS / len(targets))
            axes.scatter(numbers, targets[present], s=3, alpha=alpha, linewidths=0)
    for axes in panels[::_PER_ROW]:
        axes.set_ylabel(format_names([target])[0])
    return figure


def _new_panels(
    columns: Sequence[DrawnColumn], title: str, *, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure with axes for each column that is drawn, titled by its name."""
    num = min(len(columns), _MOST_COLUMNS)
    if num < len(columns):
        title += f", the first {num} of {len(columns)} columns"
    across = min(num, _PER_ROW)
    down = math.ceil(num / across)
    figure = Figure(figsize=(3.1 * across, 2.5 * down + 0.8), layout="constrained")
    figure.suptitle(title)
    grid = list(figure.subplots(down, across, squeeze=False, sharey=sharey).flat)
    for axes in grid[num:]:
        axes.set_visible(False)
    for axes, name in zip(grid, format_names([column.name for column in columns]), strict=False):
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, alpha=0.3)
        axes.set_axisbelow(True)
    return figure, grid[:num]


def _draw_histograms(
    axes: Axes, column: DrawnColumn, groups: Mapping[str, NDArray[np.bool_]]
) -> None:
    present = column.values[~np.isnan(column.values)].astype(np.float64)
    if not len(present):
        return
    if (present == present.round()).all() and np.ptp(present) < _BINS:
        edges = np.arange(present.min() - 0.5, present.max() + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        low, high = np.percentile(present, _OUTLIERS)
        edges = np.histogram_bin_edges(present, _BINS, (low, high))
    clipped = np.clip(column.values, edges[0], edges[-1])
    for rows, colour in zip(groups.values(), choose_colours(len(groups)), strict=True):
        values = clipped[rows & ~np.isnan(clipped)]
        heights = np.histogram(values, edges)[0] / rows.sum()
        axes.stairs(heights, edges, color=colour, fill=True, alpha=0.3)
        axes.stairs(heights, edges, color=colour)


def _draw_category_shares(
    axes: Axes, column: DrawnColumn, groups: Mapping[str, NDArray[np.bool_]]
) -> None:
    shown = _frequent(column)
    thickness = 0.8 / len(groups)
    colours = choose_colours(len(groups))
    for number, (rows, colour) in enumerate(zip(groups.values(), colours, strict=True)):
        counts = np.bincount(column.values[rows].astype(np.int64), minlength=len(column.categories))
        places = np.arange(len(shown)) + (number - (len(groups) - 1) / 2) * thickness
        axes.bar(places, counts[shown] / rows.sum(), thickness, color=colour)
    _name_categories(axes, column, shown)


def _frequent(column: DrawnColumn) -> list[int]:
    """Return the most frequent categories, in their own order."""
    counts = np.bincount(column.values.astype(np.int64), minlength=len(column.categories))
    frequent = np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]
    return sorted(place for place in frequent.tolist() if counts[place])


def _name_categories(axes: Axes, column: DrawnColumn, shown: Sequence[int]) -> None:
    names = format_names([column.categories[place] for place in shown], 14)
    turned: dict[str, Any] = {}
    if sum(len(name) + 2 for name in names) > _LETTERS_BESIDE:
        turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(shown)), names, fontsize=8, **turned)


def plot_correlation(matrix: NDArray[np.floating], names: Sequence[str], title: str) -> Figure:
    """Draw a matrix of correlations ``(D, D)``; NaN is left white."""
    num = len(names)
    side = float(np.clip(_CELL_INCHES * num + 1.8, 3.6, 12))
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set_title(title)
    shown, size = format_names(names), 9 if num <= _MOST_NUMBERED else 6
    turned: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(num), shown, fontsize=size, **turned)
    axes.set_yticks(range(num), shown, fontsize=size)
    if num > _MOST_NUMBERED:
        return figure
    for row, column in np.argwhere(~np.isnan(matrix)).tolist():
        value = float(matrix[row, column])
        axes.text(
            *(column, row, f"{value:.2f}".replace("0.", ".").replace("-.00", ".00")),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if abs(value) > 0.6 else "black",
            in_layout=False,
        )
    return figure
