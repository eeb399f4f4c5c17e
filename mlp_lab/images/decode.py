"""From an image file to an array of bytes, with Pillow and numpy alone."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mlp_lab.errors import ChecksumError, ConfigError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})

# Pillow goes by a file's first bytes, and would hand PostScript to another program.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")

_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"})
_SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L"})


def read_image_shape(path: Path) -> tuple[int, int, int]:
    """Return channels, height and width of an image, from its header.

    Raises:
        ChecksumError: The file is no image, or broken.
    """
    with _open(path, path) as image:
        return (1 if image.mode in _GREY_MODES else 3), image.height, image.width


def decode_image(
    source: Path | BinaryIO,
    shape: tuple[int, int, int],
    *,
    resize: bool = True,
    name: str | None = None,
    max_pixels: int | None = None,
) -> NDArray[np.uint8]:
    """Read the first frame of an image as bytes, brought to a shape.

    Sixteen bits become eight, colours become grey or grey becomes colours, and transparency is
    dropped.

    Args:
        source: The file, or its bytes.
        shape: Channels, height and width of the result.
        resize: Whether an image of another size is resized, or refused.
        name: What errors call it; by default the file.
        max_pixels: Most pixels that are decoded; by default as many as Pillow trusts.

    Shape:
        result ``(C, H, W)``, C being 1 or 3.

    Raises:
        ChecksumError: The file is no image, or broken.
        ConfigError: The image has another size and is not to be resized, or too many pixels.
    """
    channels, height, width = shape
    path = source if name is None else name
    with _open(source, path) as image:
        if max_pixels is not None and image.width * image.height > max_pixels:
            raise ConfigError(
                f"The image '{path}' has {image.height} x {image.width} pixels; at most "
                f"{max_pixels:,} are decoded."
            )
        if image.size != (width, height) and not resize:
            raise ConfigError(
                f"The image '{path}' has {image.height} x {image.width} pixels, and others "
                f"{height} x {width}. Set --data.source.image_size to bring all to one size."
            )
        try:
            if image.mode in _SIXTEEN_BIT_MODES:
                values = np.asarray(image, dtype=np.int64) >> 8
                frame = Image.fromarray(values.clip(0, 255).astype(np.uint8))
            else:
                frame = image
            mode = "L" if channels == 1 else "RGB"
            if frame.mode != mode:
                frame = frame.convert(mode)
            if frame.size != (width, height):
                frame = frame.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(frame, dtype=np.uint8)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise ChecksumError(f"The image '{path}' is broken: {error}.") from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


@contextlib.contextmanager
def refusing_bombs() -> Iterator[None]:
    """Refuse decompression bombs, of which Pillow only warns.

    It belongs around the threads that decode: warnings are filtered for all of them together.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _open(source: Path | BinaryIO, path: object) -> Image.Image:
    if isinstance(source, Path) and source.exists() and not source.is_file():
        # A pipe would be waited for.
        raise ChecksumError(f"'{path}' is no file.")
    try:
        return Image.open(source, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise ChecksumError(f"'{path}' is no image.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ChecksumError(f"The image '{path}' has too many pixels to be trusted.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ChecksumError(f"The image '{path}' cannot be read: {error}.") from error
