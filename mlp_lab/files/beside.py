"""Where what was computed from data is kept: hidden, beside them."""

from pathlib import Path


def beside(path: Path) -> Path:
    """Return the place that belongs to a file or directory of data, which itself stays as it is.

    Example:
        >>> str(beside(Path("/data/photos")))
        '/data/.photos.mlp_lab'
    """
    place = path.resolve()
    return place.with_name(f".{place.name}.mlp_lab")
