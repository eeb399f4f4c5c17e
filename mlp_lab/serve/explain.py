"""Where a model looks, and what it answers all over the plane: inputs for it to compute."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

PATCH_FRACTION = 0.18
"""Side of a patch over the image's shorter side: 5 pixels of 28."""

_MOST_PLACES = 1024


def cover(image: NDArray[Any]) -> tuple[NDArray[Any], int, tuple[int, ...]]:
    """Cover each part of an image by its background, the median of its border.

    Args:
        image: ``(C, H, W)``.

    Returns:
        The covered images ``(P * Q, C, H, W)``, the side of a patch in pixels, and ``(P, Q)``, how
        many places there are down and across; so many that each pixel has one, up to 1,024.
    """
    channels, height, width = image.shape
    side = max(2, round(PATCH_FRACTION * min(height, width)))
    step = 1
    while -(-height // step) * -(-width // step) > _MOST_PLACES:
        step += 1
    border = np.ones((height, width), bool)
    border[1:-1, 1:-1] = False
    background = np.median(image[:, border], axis=1).astype(image.dtype)
    rows, columns = (np.arange(0, size, step) + step // 2 for size in (height, width))
    covered = np.broadcast_to(image, (len(rows), len(columns), *image.shape)).copy()
    for row, y in enumerate(rows):
        for column, x in enumerate(columns):
            top, left = max(0, y - side // 2), max(0, x - side // 2)
            bottom, right = y - side // 2 + side, x - side // 2 + side
            covered[row, column, :, top:bottom, left:right] = background[:, None, None]
    return covered.reshape(-1, channels, height, width), side, (len(rows), len(columns))


def spread(values: NDArray[Any], places: tuple[int, ...], size: tuple[int, ...]) -> NDArray[Any]:
    """Give each pixel the value of its place: ``(P * Q,)`` to ``(H, W)``."""
    grid = values.reshape(places)
    rows, columns = (np.arange(n) * p // n for n, p in zip(size, places, strict=True))
    return grid[np.ix_(rows, columns)]


def grid_points(limits: list[tuple[float, float]], resolution: int) -> NDArray[np.float32]:
    """Return points all over a line or a rectangle, row by row from the lowest.

    Shape:
        result ``(R, 1)``, or ``(R * R, 2)`` for two ranges.
    """
    axes = [np.linspace(low, high, resolution) for low, high in limits]
    if len(axes) == 1:
        return axes[0][:, None].astype(np.float32)
    across, down = np.meshgrid(*axes)
    return np.stack([across.ravel(), down.ravel()], 1).astype(np.float32)
