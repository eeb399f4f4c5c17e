"""Quality of a classification: confusion matrix, ROC and precision-recall curves, calibration."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import choose_colours, format_names, new_axes

if TYPE_CHECKING:  # figures of finished runs are drawn without torch
    from mlp_lab.evaluation.calibration import Calibration
    from mlp_lab.evaluation.curves import Curves

_MAX_NUMBERED = 20  # classes of a matrix with numbers in its cells
_MAX_TICKED = 50  # classes of a matrix with names beside it
_MAX_NAMED = 10  # curves in the legend
_CELL_INCHES = 0.42


def plot_confusion(
    confusion: NDArray[np.integer], class_names: Sequence[str], title: str
) -> Figure:
    """Draw a confusion matrix ``(K, K)``, rows true: counts, and fractions of each true class."""
    num = len(class_names)
    side = float(np.clip(_CELL_INCHES * num + 1.6, 3.6, 9.5))
    figure = Figure(figsize=(2 * side + 0.5, side), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    top = max(float(np.max(confusion)), 1.0)
    _draw_matrix(left, confusion, class_names, "counts", "{:,.0f}", top)
    fractions = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    _draw_matrix(right, fractions, class_names, "fractions of the true class", "{:.2f}", 1.0)
    return figure


def _draw_matrix(
    axes: Axes,
    values: NDArray[np.generic],
    class_names: Sequence[str],
    title: str,
    number_format: str,
    top: float,
) -> None:
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=top)
    axes.set(title=title, xlabel="predicted class", ylabel="true class")
    num = len(class_names)
    if num <= _MAX_TICKED:
        names = format_names(class_names)
        size = 9 if num <= _MAX_NUMBERED else 6
        axes.set_xticks(range(num), names, rotation=60, ha="right", fontsize=size)
        axes.set_yticks(range(num), names, fontsize=size)
    if num > _MAX_NUMBERED:
        axes.figure.colorbar(image, ax=axes, shrink=0.8)
        return
    for row, column in np.ndindex(*values.shape):
        value = float(values[row, column])
        text = number_format.format(value) if value % 1 else f"{value:,.0f}"
        axes.text(
            *(column, row, text.removeprefix("0") or "0"),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if value > 0.7 * top else "black",
            in_layout=False,  # it stays in its cell; measuring hundreds of them takes long
        )


def plot_roc_curves(curves: "Curves") -> Figure:
    """Plot the ROC curve of each class, and their averages, with the areas under them."""
    return _plot_curves(curves, "false positive rate", "true positive rate", "ROC curve")


def plot_precision_recall_curves(curves: "Curves") -> Figure:
    """Plot the precision-recall curve of each class, and their averages, with the areas."""
    return _plot_curves(curves, "recall", "precision", "Precision-recall curve")


def _plot_curves(curves: "Curves", xlabel: str, ylabel: str, title: str) -> Figure:
    """Plot a curve for each class; of many classes those with the smallest areas are named."""
    figure, axes = new_axes(6.5, 5, xlabel=xlabel, ylabel=ylabel, title=title)
    classes = curves.classes
    worst = sorted(classes, key=lambda name: classes[name].area)[:_MAX_NAMED]
    named = [name for name in classes if name in worst]
    colours = dict(zip(named, choose_colours(len(named)), strict=True))
    labels = dict(zip(classes, format_names(list(classes)), strict=True))
    for name, curve in classes.items():
        is_named = name in colours
        axes.plot(
            *(curve.x, curve.y),
            color=colours.get(name, "lightgrey"),
            linewidth=1.2 if is_named else 0.6,
            zorder=2 if is_named else 1,
            label=f"{labels[name]}  {curve.area:.4f}" if is_named else None,
        )
    for (average, curve), dashes in zip(curves.averages.items(), ("--", ":"), strict=False):
        label = f"{average} average  {curve.area:.4f}"
        axes.plot(curve.x, curve.y, dashes, color="black", linewidth=2, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    heading = "area" if len(classes) <= _MAX_NAMED else f"area, of the {_MAX_NAMED} lowest"
    figure.legend(loc="outside right upper", title=heading, fontsize=8)
    return figure


def plot_calibration(calibration: "Calibration", before: "Calibration | None" = None) -> Figure:
    """Draw a reliability diagram: accuracy over confidence, and a histogram of confidence.

    Args:
        calibration: Of the net as it is.
        before: Of the net before it was calibrated, whose accuracy is drawn too.
    """
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    blue, orange = choose_colours(2)
    counts, confidence, accuracy = calibration.counts, calibration.confidence, calibration.accuracy
    width = 1 / len(counts)
    middles = (np.arange(len(counts)) + 0.5) * width
    filled = counts > 0
    bars = {"width": width, "edgecolor": "white", "color": blue}
    upper.bar(middles[filled], accuracy[filled], label="accuracy", **bars)
    upper.plot([0, 1], [0, 1], "--", color="black", label="perfectly calibrated")
    points = confidence[filled], accuracy[filled]
    upper.plot(*points, "o", color=orange, markersize=4, label="mean confidence")
    if before is not None:
        filled = before.counts > 0
        points = before.confidence[filled], before.accuracy[filled]
        label = f"before calibration (ECE {before.error:.4f})"
        upper.plot(*points, "x", color="black", markersize=5, label=label)
    upper.set(
        xlim=(0, 1),
        ylim=(0, 1),
        ylabel="accuracy",
        title=f"Reliability diagram (ECE {calibration.error:.4f})",
    )
    upper.legend(loc="upper left", fontsize=8)
    lower.bar(middles, counts, **bars)
    lower.set(xlabel="confidence", ylabel="samples")
    for axes in (upper, lower):
        axes.grid(visible=True, alpha=0.3)
    return figure
