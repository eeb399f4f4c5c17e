"""Figures as PNG files."""

import io
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlp_lab.files.atomic import write_bytes

_DOTS_PER_INCH = 130


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, into a directory that is made if need be."""
    write_bytes(path, to_png(figure))


def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    png = io.BytesIO()
    figure.set_dpi(_DOTS_PER_INCH)
    # savefig would lay it out, and draw it, twice. By default matplotlib's version is in the file,
    # and equal figures would be different files.
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(png, metadata={"Software": None})
    return png.getvalue()
