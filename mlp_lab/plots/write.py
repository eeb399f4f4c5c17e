"""From a figure to its file."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from mlp_lab.atomic import write_bytes

_DOTS_PER_INCH = 150


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, into a directory that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = io.BytesIO()
    figure.savefig(image, dpi=_DOTS_PER_INCH)
    write_bytes(path, image.getbuffer())
