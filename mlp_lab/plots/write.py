"""From a figure to its file."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.files.atomic import write_bytes

_DOTS_PER_INCH = 130


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, into a directory that is made if need be."""
    write_bytes(path, to_png(figure))


def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    figure.set_dpi(_DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves it so
    drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # as above
    pixels: NDArray[np.uint8] = np.asarray(drawn)[..., :3]  # on white, so nothing shines through
    image = io.BytesIO()
    Image.fromarray(pixels).save(image, "PNG")
    return image.getvalue()
