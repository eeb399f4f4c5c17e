"""How well classes are told apart: confusion, ROC and precision-recall curves, calibration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import colours, drawable, new_axes

if TYPE_CHECKING:  # figures of finished runs are drawn without torch
    from mlp_lab.evaluation.calibration import Calibration
    from mlp_lab.evaluation.curves import Curves

_MOST_NUMBERED = 20  # classes whose cells have numbers in them
_MOST_TICKED = 50
_MOST_NAMED = 10  # curves that the legend names
_CELL_INCHES = 0.42


def plot_confusion(
    confusion: NDArray[np.integer], class_names: Sequence[str], title: str
) -> Figure:
    """Draw which class was taken for which: counts, and shares of each true class.

    Args:
        confusion: Counts ``(K, K)``, rows true and columns predicted.
        class_names: Names of the K classes.
        title: What is shown.
    """
    num = len(class_names)
    side = float(np.clip(_CELL_INCHES * num + 1.6, 3.6, 9.5))
    figure = Figure(figsize=(2 * side + 0.5, side), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    _draw_cells(left, confusion, class_names, "counts", "{:,.0f}", None)
    totals = confusion.sum(1, keepdims=True)
    shares = confusion / np.maximum(totals, 1)
    _draw_cells(right, shares, class_names, "shares of the true class", "{:.2f}", 1.0)
    return figure


def _draw_cells(
    axes: Axes,
    values: NDArray[np.generic],
    class_names: Sequence[str],
    title: str,
    number: str,
    highest: float | None,
) -> None:
    top = float(highest or max(np.max(values), 1))
    image = axes.imshow(values, cmap="cividis", vmin=0, vmax=top)
    axes.set(title=title, xlabel="predicted", ylabel="true")
    num = len(class_names)
    if num <= _MOST_TICKED:
        names = drawable(class_names)
        size = 9 if num <= _MOST_NUMBERED else 6
        axes.set_xticks(range(num), names, rotation=60, ha="right", fontsize=size)
        axes.set_yticks(range(num), names, fontsize=size)
    if num > _MOST_NUMBERED:
        axes.figure.colorbar(image, ax=axes, shrink=0.8)
        return
    for row, column in np.ndindex(*values.shape):
        value = float(values[row, column])
        text = number.format(value) if value % 1 else f"{value:,.0f}"
        axes.text(
            column,
            row,
            text.removeprefix("0") or "0",
            ha="center",
            va="center",
            fontsize=8,
            color="black" if value > 0.6 * top else "white",
            in_layout=False,  # it stays in its cell; measuring hundreds of them takes long
        )


def plot_roc_curves(curves: "Curves") -> Figure:
    """Plot the ROC curve of each class, and their averages, with the areas below them."""
    return _plot_curves(curves, "false positive rate", "true positive rate", "ROC curve")


def plot_precision_recall_curves(curves: "Curves") -> Figure:
    """Plot the precision-recall curve of each class, and their averages, with the areas below."""
    return _plot_curves(curves, "recall", "precision", "Precision-recall curve")


def _plot_curves(curves: "Curves", xlabel: str, ylabel: str, title: str) -> Figure:
    """Plot a curve for each class; of many classes those with the smallest areas are named."""
    figure, axes = new_axes(6.5, 5, xlabel=xlabel, ylabel=ylabel, title=title)
    classes = curves.classes
    worst = sorted(classes, key=lambda name: classes[name].area)[:_MOST_NAMED]
    named = [name for name in classes if name in worst]
    shades = dict(zip(named, colours(len(named)), strict=True))
    labels = dict(zip(classes, drawable(list(classes)), strict=True))
    for name, curve in classes.items():
        is_named = name in shades
        axes.plot(
            *(curve.x, curve.y),
            color=shades.get(name, "lightgrey"),
            linewidth=1.2 if is_named else 0.6,
            zorder=2 if is_named else 1,
            label=f"{labels[name]}  {curve.area:.4f}" if is_named else None,
        )
    for (average, curve), dashes in zip(curves.averages.items(), ("--", ":"), strict=False):
        axes.plot(
            *(curve.x, curve.y),
            color="black",
            linestyle=dashes,
            linewidth=2,
            label=f"{average} average  {curve.area:.4f}",
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    heading = "area" if len(classes) <= _MOST_NAMED else f"area, of the {_MOST_NAMED} lowest"
    figure.legend(loc="outside right upper", title=heading, fontsize=8)
    return figure


def plot_calibration(calibration: "Calibration") -> Figure:
    """Draw how often the net is right when it is so sure, and how often it is that sure."""
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    blue, orange = colours(2)
    width = 1 / len(calibration.counts)
    middles = (np.arange(len(calibration.counts)) + 0.5) * width
    filled = calibration.counts > 0
    upper.bar(
        middles[filled],
        calibration.accuracy[filled],
        width,
        edgecolor="white",
        color=blue,
        label="share that is right",
    )
    upper.plot([0, 1], [0, 1], "--", color="black", label="as sure as right")
    upper.plot(
        calibration.confidence[filled],
        calibration.accuracy[filled],
        "o",
        color=orange,
        markersize=4,
        label="at the mean confidence",
    )
    upper.set(
        xlim=(0, 1),
        ylim=(0, 1),
        ylabel="accuracy",
        title=f"Reliability; expected calibration error {calibration.error:.4f}",
    )
    upper.legend(loc="upper left", fontsize=8)
    lower.bar(middles, calibration.counts, width, edgecolor="white", color=blue)
    lower.set(xlabel="confidence", ylabel="samples")
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
    return figure
