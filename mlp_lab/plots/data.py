"""What a data set looks like: how many of each class, and some samples."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import colours, drawable, new_axes

Curve = tuple[NDArray[np.floating], NDArray[np.floating]]
"""x and y, ``(N,)`` each."""

_IMAGE_INCHES = 0.9
_BAR_INCHES = 0.18
_MISTAKES_A_ROW = 8
_GAP = 0.08  # between images that are 1 wide
_TEXT_ROOM = 0.4  # above them, for three lines


def plot_class_bars(
    values: Mapping[str, Sequence[float]], class_names: Sequence[str], unit: str, title: str
) -> Figure:
    """Draw several numbers of each class as bars beside each other.

    Args:
        values: A number for each class, by what they are called.
        class_names: Names of the classes, from top to bottom.
        unit: What the numbers are.
        title: What is shown.
    """
    height = _BAR_INCHES * len(class_names) * len(values) + 1.4
    figure, axes = new_axes(7, min(max(height, 3), 40), xlabel=unit, title=title)
    places = np.arange(len(class_names))
    thickness = 0.8 / len(values)
    for number, ((name, numbers), colour) in enumerate(
        zip(values.items(), colours(len(values)), strict=True)
    ):
        axes.barh(places + number * thickness, numbers, thickness, label=name, color=colour)
    axes.set_yticks(places + 0.4 - thickness / 2, drawable(class_names))
    axes.invert_yaxis()
    axes.margins(y=0.01)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def plot_images(rows: Mapping[str, NDArray[np.generic]], title: str) -> Figure:
    """Draw images in rows, each row with its name.

    Args:
        rows: Images ``(n, C, H, W)``, bytes or in 0..255, by the name of their row.
        title: What is shown.
    """
    num_columns = max(len(images) for images in rows.values())
    size = (_IMAGE_INCHES * (num_columns + 1.6), _IMAGE_INCHES * len(rows) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title)
    images = [image for line in rows.values() for image in line]
    places = [
        (row, column) for row, line in enumerate(rows.values()) for column in range(len(line))
    ]
    axes, corners = show_images(images, places, figure)
    first = [corner for corner, (_, column) in zip(corners, places, strict=True) if column == 0]
    _, height, width = images[0].shape
    for name, (x, y) in zip(drawable(list(rows)), first, strict=True):
        axes.text(x - 0.15, y + height / width / 2, name, ha="right", va="center", fontsize=9)
    return figure


def plot_points(points: NDArray[np.floating], names: Sequence[str], title: str) -> Figure:
    """Draw points of the plane in the colour of their class.

    Args:
        points: Coordinates ``(N, 2)``.
        names: The class of each.
        title: What is shown.
    """
    figure, axes = new_axes(5, 4.5, xlabel="first feature", ylabel="second feature", title=title)
    labels = np.asarray(names)
    classes = list(dict.fromkeys(names))
    for name, shown, colour in zip(classes, drawable(classes), colours(len(classes)), strict=True):
        chosen = points[labels == name]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=8, label=shown, color=colour)
    axes.legend(title="class")
    return figure


def plot_curve(
    points: Mapping[str, Curve],
    title: str,
    lines: Mapping[str, Curve] | None = None,
    dashed: Mapping[str, Curve] | None = None,
) -> Figure:
    """Draw one number over another: points, lines over them, and dashed lines over those.

    Args:
        points: Pairs of x and y ``(N,)``, by what they are called.
        title: What is shown.
        lines: The same for what is drawn as lines, from the first to the last ever darker.
        dashed: The same for what the lines should be.
    """
    figure, axes = new_axes(6, 4.5, xlabel="x", ylabel="y", title=title)
    for name, (x, y) in points.items():
        axes.scatter(x, y, s=8, alpha=0.5, label=name)
    lines = lines or {}
    shades = colormaps["viridis_r"](np.linspace(0.1, 1, len(lines)))
    for (name, (x, y)), shade in zip(lines.items(), shades, strict=True):
        order = np.argsort(x)
        axes.plot(x[order], y[order], label=name, color=shade, linewidth=1.5)
    for name, (x, y) in (dashed or {}).items():
        order = np.argsort(x)
        axes.plot(x[order], y[order], "--", label=name, color="black", linewidth=2)
    axes.legend()
    return figure


def show_images(
    images: Sequence[NDArray[np.generic]],
    places: Sequence[tuple[int, int]],
    figure: Figure,
    room: float = 0.0,
) -> tuple[Axes, list[tuple[float, float]]]:
    """Draw images side by side, all in one pair of axes: a pair for each would take most of a run.

    Args:
        images: Images ``(C, H, W)`` of one shape, grey or in colour, bytes or in 0..255.
        places: The row and the column of each.
        figure: Where they are drawn.
        room: Height for text above each image, half as much beside it; an image is 1 wide.

    Returns:
        The axes, and where in them the upper left corner of each image is, y growing downwards.
    """
    axes = figure.add_subplot()
    axes.set_axis_off()
    height = images[0].shape[1] / images[0].shape[2]
    across, down = 1 + room / 2 + _GAP, height + room + _GAP
    corners = [(column * across, row * down) for row, column in places]
    for image, (x, y) in zip(images, corners, strict=True):
        pixels = np.moveaxis(np.asarray(image, dtype=np.float64) / 255, 0, -1).clip(0, 1)
        extent = (x, x + 1, y + height, y)
        if pixels.shape[-1] == 3:
            axes.imshow(pixels, extent=extent)
        else:
            axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, extent=extent)
    right, bottom = (max(ends) for ends in zip(*corners, strict=True))
    axes.set(xlim=(0, right + 1), ylim=(bottom + height, -room))
    return axes, corners


def plot_mistakes(
    images: NDArray[np.generic], texts: Sequence[tuple[str, str, float]], title: str
) -> Figure:
    """Draw images that were taken for another class.

    Args:
        images: Images ``(n, C, H, W)``, bytes or in 0..255.
        texts: The true class of each, the predicted one, and how sure that was.
        title: What is shown.
    """
    columns = min(len(images), _MISTAKES_A_ROW)
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.5 * columns + 0.3, 1.75 * rows + 0.5), layout="constrained")
    figure.suptitle(title)
    places = [divmod(number, columns) for number in range(len(images))]
    axes, corners = show_images(list(images), places, figure, _TEXT_ROOM)
    true, said = drawable([text[0] for text in texts]), drawable([text[1] for text in texts])
    for (x, y), one, other, (_, _, sure) in zip(corners, true, said, texts, strict=True):
        text = f"{one}\ntaken for {other}\n{sure:.3f}"
        axes.text(x + 0.5, y - 0.03, text, ha="center", va="bottom", fontsize=8, in_layout=False)
    return figure


def plot_predictions(
    predicted: NDArray[np.floating], true: NDArray[np.floating], title: str
) -> Figure:
    """Draw predicted numbers over true ones, ``(N, T)`` each."""
    figure, axes = new_axes(5, 5, xlabel="true", ylabel="predicted", title=title)
    for number, colour in enumerate(colours(true.shape[1])):
        label = f"target {number + 1}" if true.shape[1] > 1 else "samples"
        axes.scatter(true[:, number], predicted[:, number], s=8, color=colour, label=label)
    ends = [float(true.min()), float(true.max())]
    axes.plot(ends, ends, "--", color="black", label="predicted as it is")
    axes.legend()
    return figure
