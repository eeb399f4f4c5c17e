"""Which files of a directory are images."""

import os
from pathlib import Path

from mlp_lab.images.decode import SUFFIXES


def images_in(directory: Path) -> list[Path]:
    """Return the image files of a directory, none where it is not there, in any order."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:  # knows what is a file without asking for each
        return [
            Path(entry.path)
            for entry in entries
            if f".{entry.name.rpartition('.')[2].lower()}" in SUFFIXES
            and (Path(entry.path).is_file() if entry.is_symlink() else entry.is_file())
        ]


def images_below(directory: Path) -> list[Path]:
    """Return the image files of a directory and all those below it, by name."""
    directories = [directory, *(d for d in directory.rglob("*") if d.is_dir())]
    return sorted(image for d in directories for image in images_in(d))
