"""The lines that a pen follows to draw what an image shows."""

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

Stroke = list[tuple[float, float]]

_FINER = 8  # times as many pixels, among which the outline is sought
_EVERY = 10  # point of it is kept


def trace_strokes(image: NDArray[np.uint8], pen: float) -> list[Stroke]:
    """Return lines along the inside of the outline, and further within until all is filled.

    Args:
        image: Bright on dark.
        pen: Width of the pen in pixels of the image.

    Shape:
        image ``(H, W)``; points (x, y) of the result in pixels of it.
    """
    height, width = image.shape
    size = (width * _FINER, height * _FINER)
    fine = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    shape = np.pad(np.asarray(fine) > np.iinfo(np.uint8).max / 2, 1)
    depth = distance_transform_edt(shape) / _FINER
    contours = contour_generator(z=depth)
    levels = np.arange(pen / 2, depth.max(), pen)
    lines = [line for level in levels for line in contours.lines(level)]
    kept = [np.concatenate([line[:-1:_EVERY], line[-1:]]) for line in lines]
    return [[(float(x), float(y)) for x, y in (line - 0.5) / _FINER] for line in kept]
