"""Images side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import format_names

_IMAGE_INCHES = 0.9
_MISTAKES_PER_ROW = 8
_MAX_PREDICTED_LENGTH = 12  # letters of a class after "predicted as", above an image
_GAP = 0.08  # between images that are 1 wide
_TEXT_HEIGHT = 0.4  # of three lines above such an image
_INK = "#7b7b7b"  # as far from white as from the ground of a dark page


def draw_images(
    images: Sequence[NDArray[np.generic]],
    places: Sequence[tuple[int, int]],
    size: tuple[float, float],
    title: str,
    text_height: float = 0.0,
) -> tuple[Figure, Axes, list[tuple[float, float]]]:
    """Draw images in one pair of axes: a pair for each would take most of the time of a run.

    The ground is transparent and the ink grey, for pages of any colour.

    Args:
        images: Images ``(C, H, W)`` of one shape, grey or in colour, in 0..255.
        places: The row and the column of each.
        size: Width and height of the figure in inches.
        title: Title of the figure.
        text_height: Space above each image, half as much beside it, in widths of an image.

    Returns:
        The figure, its axes, and the upper left corner of each image in them, y growing downwards.
    """
    figure = Figure(figsize=size, layout="constrained", facecolor="none")
    figure.suptitle(title, color=_INK)
    axes = figure.add_subplot()
    axes.set_axis_off()
    height = images[0].shape[1] / images[0].shape[2]
    across, down = 1 + text_height / 2 + _GAP, height + text_height + _GAP
    corners = [(column * across, row * down) for row, column in places]
    for image, (x, y) in zip(images, corners, strict=True):
        pixels = np.moveaxis(np.asarray(image, dtype=np.float64) / 255, 0, -1).clip(0, 1)
        if pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, extent=(x, x + 1, y + height, y))
    right, bottom = (max(ends) for ends in zip(*corners, strict=True))
    axes.set(xlim=(0, right + 1), ylim=(bottom + height, -text_height))
    return figure, axes, corners


def plot_images(rows: Mapping[str, NDArray[np.generic]], title: str) -> Figure:
    """Draw images ``(n, C, H, W)`` in 0..255, by the name of their row."""
    num_columns = max(len(images) for images in rows.values())
    size = (_IMAGE_INCHES * (num_columns + 1.6), _IMAGE_INCHES * len(rows) + 0.5)
    images = [image for row in rows.values() for image in row]
    places = [
        (row, column) for row, line in enumerate(rows.values()) for column in range(len(line))
    ]
    figure, axes, corners = draw_images(images, places, size, title)
    _, height, width = images[0].shape
    first = [corner for corner, (_, column) in zip(corners, places, strict=True) if column == 0]
    for name, (x, y) in zip(format_names(list(rows)), first, strict=True):
        axes.text(
            x - 0.15, y + height / width / 2, name, ha="right", va="center", fontsize=9, color=_INK
        )
    return figure


def plot_mistakes(
    images: NDArray[np.generic], texts: Sequence[tuple[str, str, float]], title: str
) -> Figure:
    """Draw misclassified images ``(n, C, H, W)`` in 0..255.

    Above each are its true class, its predicted class and the confidence, as ``texts`` has them.
    """
    columns = min(len(images), _MISTAKES_PER_ROW)
    rows = -(-len(images) // columns)
    size = (1.5 * columns + 0.3, 1.75 * rows + 0.5)
    places = [divmod(number, columns) for number in range(len(images))]
    figure, axes, corners = draw_images(list(images), places, size, title, _TEXT_HEIGHT)
    true, predicted, confidences = zip(*texts, strict=True)
    names = zip(format_names(true), format_names(predicted, _MAX_PREDICTED_LENGTH), strict=True)
    for (x, y), (one, other), confidence in zip(corners, names, confidences, strict=True):
        text = f"{one}\npredicted as {other}\n{confidence:.3f}"
        axes.text(
            *(x + 0.5, y - 0.03, text),
            ha="center",
            va="bottom",
            fontsize=7,
            color=_INK,
            in_layout=False,
        )
    return figure
