"""How the characters of training images lie in them, so that a drawing can be framed alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_INK = 0.25  # of the range of grey levels; less is the blur around a stroke
_WHITE = 255


@dataclass(frozen=True)
class Framing:
    """Medians over images of one character each, in pixels.

    Attributes:
        height: Of the bounding box of the ink.
        width: Of the same.
        center: Centre of mass of the ink, x and y from the image's left and upper edge.
        stroke: Thickness of a stroke.
    """

    height: float
    width: float
    center: tuple[float, float]
    stroke: float


def has_dark_background(images: NDArray[np.uint8]) -> bool:
    """Whether the border of images is darker than the middle grey.

    Shape:
        images ``(N, C, H, W)``.
    """
    border = np.ones(images.shape, bool)
    border[:, :, 1:-1, 1:-1] = False
    return bool(images[border].mean() < _WHITE / 2)


def measure_framing(images: NDArray[np.uint8]) -> Framing | None:
    """Measure how characters lie in images; None where no image has any ink.

    The thickness of a stroke is twice its area over the length of its outline, which for grey
    levels is the sum of their gradients.

    Args:
        images: Of one channel.

    Shape:
        images ``(N, 1, H, W)``.
    """
    ink = images[:, 0].astype(np.float64) / _WHITE  # (N, H, W)
    if not has_dark_background(images):
        ink = 1 - ink
    ink = ink[ink.max((1, 2)) > _INK]
    if not len(ink):
        return None
    height, width = (_extent((ink > _INK).any(axis)) for axis in (2, 1))
    mass = ink.sum((1, 2))
    x, y = ((ink.sum(axis) * _middles(ink.shape[3 - axis])).sum(1) / mass for axis in (1, 2))
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    across, down = np.diff(padded, axis=2)[:, 1:], np.diff(padded, axis=1)[:, :, 1:]
    stroke = 2 * mass / np.hypot(across, down).sum((1, 2))
    medians = [round(float(np.median(found)), 2) for found in (height, width, x, y, stroke)]
    return Framing(medians[0], medians[1], (medians[2], medians[3]), medians[4])


def _extent(lines: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many lines lie from the first to the last that is set, ``(N, L)`` to ``(N,)``."""
    first, behind = lines.argmax(1), lines.shape[1] - lines[:, ::-1].argmax(1)
    extent: NDArray[np.int64] = behind - first
    return extent


def _middles(size: int) -> NDArray[np.float64]:
    """Return where the middles of pixels lie."""
    middles: NDArray[np.float64] = np.arange(size, dtype=np.float64) + 0.5
    return middles
