"""Samples, targets and numbers of each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import choose_colours, format_names, new_axes

XY = tuple[NDArray[np.floating], NDArray[np.floating]]
"""x and y, ``(N,)`` each."""

_BAR_INCHES = 0.18
_MANY_POINTS = 2000


def plot_class_bars(
    values: Mapping[str, Sequence[float]],
    class_names: Sequence[str],
    unit: str,
    title: str,
    *,
    end: float | None = None,
) -> Figure:
    """Draw several numbers of each class, by their names, as bars beside each other.

    The axis begins at 0 and ends at ``end``, by default just beyond the longest bar.
    """
    height = _BAR_INCHES * len(class_names) * len(values) + 1.4
    figure, axes = new_axes(7, min(max(height, 4.2), 40), xlabel=unit, title=title)
    places = np.arange(len(class_names))
    thickness = 0.8 / len(values)
    colours = choose_colours(len(values))
    for number, ((name, widths), colour) in enumerate(zip(values.items(), colours, strict=True)):
        axes.barh(places + number * thickness, widths, thickness, label=name, color=colour)
    axes.set_yticks(places + 0.4 - thickness / 2, format_names(class_names))
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlim(0, end)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def plot_points(points: NDArray[np.floating], names: Sequence[str], title: str) -> Figure:
    """Draw points ``(N, 2)`` of the plane, each in the colour of the class that is named for it."""
    figure, axes = new_axes(5, 4.5, xlabel="first feature", ylabel="second feature", title=title)
    labels = np.asarray(names)
    classes = list(dict.fromkeys(names))
    colours = choose_colours(len(classes))
    for name, label, colour in zip(classes, format_names(classes), colours, strict=True):
        chosen = points[labels == name]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=8, label=label, color=colour)
    axes.legend(title="class")
    return figure


def plot_curve(
    points: Mapping[str, XY],
    title: str,
    lines: Mapping[str, XY] | None = None,
    dashed: Mapping[str, XY] | None = None,
) -> Figure:
    """Draw y over x by name: points, over them lines, the later ones darker, and dashed ones."""
    figure, axes = new_axes(6, 4.5, xlabel="x", ylabel="y", title=title)
    for name, (x, y) in points.items():
        axes.scatter(x, y, s=8, alpha=0.5, label=name)
    lines, dashed = lines or {}, dashed or {}
    shades = colormaps["viridis_r"](np.linspace(0.1, 1, len(lines)))
    styles = [("-", shade, 1.5) for shade in shades] + [("--", "black", 2.0)] * len(dashed)
    curves = [*lines.items(), *dashed.items()]
    for (name, (x, y)), (style, colour, width) in zip(curves, styles, strict=True):
        order = np.argsort(x)
        axes.plot(x[order], y[order], style, label=name, color=colour, linewidth=width)
    axes.legend()
    return figure


def plot_predictions(
    predicted: NDArray[np.floating],
    true: NDArray[np.floating],
    title: str,
    names: Sequence[str] = (),
) -> Figure:
    """Draw predicted over true targets, ``(N, T)`` each; the targets may have names."""
    num, num_targets = true.shape
    labels = format_names(names) or [f"target {number + 1}" for number in range(num_targets)]
    what = labels[0] if names and num_targets == 1 else "target"
    figure, axes = new_axes(5, 5, xlabel=f"true {what}", ylabel=f"predicted {what}", title=title)
    for number, colour in enumerate(choose_colours(num_targets)):
        axes.scatter(
            *(true[:, number], predicted[:, number]),
            s=8 if num < _MANY_POINTS else 3,
            alpha=min(1.0, _MANY_POINTS / num),  # so that it is seen where most of them lie
            color=colour,
            label=labels[number] if num_targets > 1 else "samples",
        )
    ends = [float(true.min()), float(true.max())]
    axes.plot(ends, ends, "--", color="black", label="perfect prediction")
    for handle in axes.legend(loc="upper left").legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return figure
