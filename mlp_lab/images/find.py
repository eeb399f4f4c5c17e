"""Find the image files of a directory, and what their folders are named after."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.images.decode import SUFFIXES

_MOST_FOLDERS_NAMED = 5


def images_in(directory: Path) -> list[Path]:
    """Return the image files of a directory, none where it is not there, in any order."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:  # knows what is a file without a stat for each
        return [
            Path(entry.path)
            for entry in entries
            if f".{entry.name.rpartition('.')[2].lower()}" in SUFFIXES
            and (Path(entry.path).is_file() if entry.is_symlink() else entry.is_file())
        ]


def raise_unreadable(error: OSError) -> None:
    """Refuse a directory that cannot be listed, whose files would be left out silently.

    Raises:
        ChecksumError: Always.
    """
    raise ChecksumError(f"{error.filename!r} cannot be read: {error.strerror}.") from error


def images_below(directory: Path) -> list[Path]:
    """Return the image files of a directory and all those below it, by name."""
    found = [
        os.path.join(place, name)  # noqa: PTH118  # as Paths 10,000 names take a tenth of a second
        for place, _, names in os.walk(directory, onerror=raise_unreadable)
        for name in names
        if f".{name.rpartition('.')[2].lower()}" in SUFFIXES
    ]
    found.sort(key=lambda name: name.split(os.sep))  # noqa: PTH206  # as above
    return [Path(name) for name in found]


def labels_by_folder(
    files: Iterable[Path], directory: Path, class_names: Sequence[str]
) -> NDArray[np.integer] | None:
    """Return the classes that the folders below a directory are named after, ``(N,)``.

    Args:
        files: Files below the directory.
        directory: The directory.
        class_names: The classes.

    Returns:
        The class index of each file, -1 in other folders, which are named on the console; None
        where no folder is named after a class.
    """
    indices = {name: index for index, name in enumerate(class_names)}
    depth = len(directory.parts)
    # A file that lies in no folder has none.
    folders = [next(iter(file.parts[depth:-1]), None) for file in files]
    found = np.asarray([-1 if folder is None else indices.get(folder, -1) for folder in folders])
    if found.max() < 0:
        return None
    unknown = sorted(folder for folder in {*folders} if folder and folder not in indices)
    if unknown:
        names = ", ".join(map(repr, unknown[:_MOST_FOLDERS_NAMED]))
        dots = ", ..." if len(unknown) > _MOST_FOLDERS_NAMED else ""
        print(f"folders that are no class of the model, predicted without a label: {names}{dots}")
    return found
