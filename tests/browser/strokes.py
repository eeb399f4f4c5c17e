"""The lines that a pen would draw to write what an image shows."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Stroke = list[tuple[float, float]]
Pixel = tuple[int, int]

_SIDE = 64  # of the enlarged image that is thinned
_SHORTEST = 4  # pixels of it; less is a spur of the thinning


def trace_strokes(image: NDArray[np.uint8]) -> list[Stroke]:
    """Return the middle lines of what is bright, as points (x, y) from 0 to 1.

    Shape:
        image ``(H, W)``, bright on dark.
    """
    large = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(large)
    lines = _follow(_thin(pixels > pixels.max() / 2))
    return [
        [((x + 0.5) / _SIDE, (y + 0.5) / _SIDE) for y, x in [*line[:-1:3], line[-1]]]
        for line in lines
    ]


def _thin(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Peel a shape to lines one pixel wide.

    Reference:
        Zhang and Suen, "A Fast Parallel Algorithm for Thinning Digital Patterns", 1984.
    """
    solid = np.pad(solid, 1)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            around = [_moved(solid, *step) for step in _RING]
            north, _, east, _, south, _, west, _ = around
            count = np.sum(around, 0)
            rises = sum(~a & b for a, b in zip(around, around[1:] + around[:1], strict=True))
            if first:
                open_side = ~(north & east & south) & ~(east & south & west)
            else:
                open_side = ~(north & east & west) & ~(north & south & west)
            peeled = solid & (count >= 2) & (count <= 6) & (rises == 1) & open_side
            changed |= bool(peeled.any())
            solid = solid & ~peeled
    return solid[1:-1, 1:-1]


# Rows down and columns across to each neighbour, clockwise from the one above.
_RING = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]


def _moved(solid: NDArray[np.bool_], down: int, across: int) -> NDArray[np.bool_]:
    return np.roll(solid, (-down, -across), (0, 1))


def _follow(thin: NDArray[np.bool_]) -> list[list[Pixel]]:
    """Return lines of pixels that lie side by side, from ends before loops and branches."""
    pixels = {(int(y), int(x)) for y, x in np.argwhere(thin)}
    left = set(pixels)
    lines = []
    while left:
        start = min(left, key=lambda pixel: (len(_near(pixel, left)) != 1, pixel))
        # A branch begins on the line that it leaves.
        line = [*_near(start, pixels - left)[:1], start]
        left.remove(start)
        while nexts := _near(line[-1], left):
            (y, x), (y_before, x_before) = line[-1], line[-2] if len(line) > 1 else line[-1]
            ahead = (2 * y - y_before, 2 * x - x_before)
            line.append(min(nexts, key=lambda pixel: math.dist(pixel, ahead)))
            left.remove(line[-1])
        lines.append(line)
    return [line for line in lines if len(line) >= _SHORTEST] or lines


def _near(pixel: Pixel, among: set[Pixel]) -> list[Pixel]:
    places = [(pixel[0] + down, pixel[1] + across) for down, across in _RING]
    return [place for place in places if place in among]
