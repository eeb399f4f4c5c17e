"""A folder of image files, decoded once."""

import hashlib
import math
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_lab.data.source import PARTS, Part, Samples, Source
from mlp_lab.errors import (
    ChecksumError,
    ConfigError,
    DatasetNotFoundError,
    MLPLabWarning,
    check_choice,
)
from mlp_lab.files.atomic import remove_leftovers, replacing
from mlp_lab.files.beside import beside
from mlp_lab.files.lock import locked
from mlp_lab.images import (
    SUFFIXES,
    decode_images,
    images_below,
    images_in,
    labels_by_folder,
    read_image_shape,
    refusing_bombs,
    shared_array,
)

Colour = Literal["auto", "grey", "rgb"]
Broken = Literal["refuse", "skip"]


class ImageFolder(Source):
    """Images in folders named after their class.

    ``DIR/<class>/*``, or ``DIR/train/<class>/*`` and the same for val and test. They are decoded
    once, into a file in ``.DIR.mlp_lab`` beside it that is mapped into memory from then on. PNG,
    JPEG, BMP, GIF, WebP and TIFF are read.

    Args:
        path: The directory.
        image_size: Height and width that all images are brought to; by default those of the first
            image, and others are refused.
        colour: Whether images are ``grey`` or ``rgb``; ``auto`` takes the first image's way.
        broken: Whether a file that cannot be read is refused, or skipped and counted.

    Raises:
        DatasetNotFoundError: There is no such directory, or no image in it.
        ChecksumError: An image cannot be read, or has another size.
        ConfigError: An image size below 1.
    """

    def __init__(
        self,
        path: Path,
        image_size: int | None = None,
        colour: Colour = "auto",
        broken: Broken = "refuse",
        classes: list[int | str] | None = None,
    ) -> None:
        if image_size is not None and image_size < 1:
            raise ConfigError(f"data.source.image_size is {image_size}; it must be at least 1.")
        check_choice("data.source.colour", colour, get_args(Colour))
        check_choice("data.source.broken", broken, get_args(Broken))
        self.path = path = Path(path)  # in Python many give text
        self.image_size = image_size
        self.colour = colour
        self.broken = broken
        if not path.is_dir():
            raise DatasetNotFoundError(f"data.source.path '{path}' is not there, or no directory.")
        directories = {part: path / part for part in PARTS if (path / part).is_dir()}
        self._directories: dict[Part, Path] = directories or {"train": path}
        if "train" not in self._directories:
            raise DatasetNotFoundError(f"'{path}' has {', '.join(directories)} but no train.")
        others = [d.name for d in _subdirectories(path) if directories and d.name not in PARTS]
        if others:
            warnings.warn(
                f"'{path}' has {', '.join(others)} beside {', '.join(directories)}. "
                "Only train, val and test are read.",
                MLPLabWarning,
                stacklevel=2,
            )
        self.parts = frozenset(self._directories)
        self.class_names = tuple(d.name for d in _subdirectories(self._directories["train"]))
        self._files = {part: self._list(directory) for part, directory in self._directories.items()}
        self._warn_of_unread()
        self.input_shape = self._shape = self._find_shape(f for f, _ in self._files["train"])
        super().__init__(classes)

    @property
    def name(self) -> str:
        """Kind and name of what is read."""
        return f"{type(self).__name__} '{self.path.name}'"

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Decode, or map what was decoded before."""
        return {part: self._read_part(part, files) for part, files in self._files.items()}

    def _list(self, directory: Path) -> list[tuple[Path, int]]:
        """Return every image file with its label, in the order of their names."""
        found = {d.name for d in _subdirectories(directory)}
        if unknown := sorted(found - set(self.class_names)):
            raise ChecksumError(f"'{directory}' has the class {unknown[0]!r}, which train has not.")
        files = []
        for label, name in enumerate(self.class_names):
            images = images_in(directory / name)
            if not images and directory == self._directories["train"]:
                raise DatasetNotFoundError(f"The class folder '{directory / name}' has no image.")
            files += [(image, label) for image in images]
        if not files:
            raise DatasetNotFoundError(
                f"No images in '{directory}': they belong in a folder for each class, as "
                f"{', '.join(sorted(SUFFIXES))}."
            )
        # By name over all classes: a set whose files are numbered keeps its order.
        return sorted(files, key=lambda entry: (entry[0].name, entry[1]))

    def _warn_of_unread(self) -> None:
        """Warn of images that lie beside the class folders, and of folders in them."""
        for directory in self._directories.values():
            unread = [
                *images_in(directory),
                *(d for name in self.class_names for d in _subdirectories(directory / name)),
            ]
            if unread:
                warnings.warn(
                    f"{str(unread[0])!r} is not read{_one_of(unread)}: images belong right in "
                    "the folder of their class.",
                    MLPLabWarning,
                    stacklevel=3,
                )

    def _find_shape(self, files: Iterable[Path]) -> tuple[int, int, int]:
        """Return the shape of all images, from the first one that can be read."""
        for file in files:
            try:
                with refusing_bombs():
                    channels, height, width = read_image_shape(file)
            except ChecksumError:
                if self.broken == "refuse":
                    raise
                continue
            if self.colour != "auto":
                channels = 1 if self.colour == "grey" else 3
            side = self.image_size
            return (channels, side, side) if side else (channels, height, width)
        raise DatasetNotFoundError(f"No file in '{self.path}' can be read as an image.")

    def _read_part(self, part: Part, files: Sequence[tuple[Path, int]]) -> Samples:
        paths = [file for file, _ in files]
        labels = torch.tensor([label for _, label in files])
        # Beside the folder: within it, others would take it for a class.
        folder = self.path.resolve()
        cache_dir = beside(folder)
        shape = "x".join(map(str, self._shape))
        cache = cache_dir / f"{part}-{shape}-{self.broken}-{self._key(files)}.npy"
        if self.may_write and (cache.is_file() or os.access(folder.parent, os.W_OK)):
            images, kept = self._read_cache(paths, cache)
        else:
            why = "cannot be written" if self.may_write else "was not typed"
            warnings.warn(
                f"'{folder.parent}' {why}, so the images of '{self.path}' are decoded anew each "
                "time.",
                MLPLabWarning,
                stacklevel=2,
            )
            images = shared_array((len(files), *self._shape))
            kept = self._decode(paths, images)
            images = images if kept.all() else images[kept]
        if num := int((~kept).sum()):
            self.warn(
                f"{num:,} of {len(kept):,} {part} images in '{self.path}' are broken: skipped."
            )
        begin = len(str(self.path)) + 1  # relative_to would take a second for 100,000
        names = [str(paths[row])[begin:] for row in np.flatnonzero(kept)]
        return Samples(torch.from_numpy(images), labels[torch.from_numpy(kept)], names)

    def _read_cache(
        self, files: Sequence[Path], cache: Path
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Map what was decoded before, or decode it now; and return which files could be read."""
        kept_path = cache.with_suffix(".kept.npy")
        cache.parent.mkdir(exist_ok=True)
        with locked(cache.parent):  # other processes that decode the same wait for it
            if not cache.is_file():
                self._write_cache(files, cache, kept_path)
            # Copy-on-write: PyTorch wants arrays to be writable, and nothing reaches the file.
            return np.load(cache, mmap_mode="c"), np.load(kept_path)

    def _write_cache(self, files: Sequence[Path], cache: Path, kept_path: Path) -> None:
        """Decode into a file, whole or not at all, in place of one of former contents."""
        remove_leftovers(cache.parent)
        for outdated in cache.parent.glob(f"{cache.name.rpartition('-')[0]}-*"):
            outdated.unlink()
        with replacing(cache) as unfinished:
            images = _new_array(unfinished, len(files), self._shape)
            kept = self._decode(files, images)
            if not kept.all():  # the others move up
                whole, images = images, _new_array(unfinished, int(kept.sum()), self._shape)
                for row, index in enumerate(np.flatnonzero(kept)):
                    images[row] = whole[index]
            with replacing(kept_path) as other, other.open("wb") as file:
                np.save(file, kept)

    def _decode(self, files: Sequence[Path], images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        try:
            return decode_images(
                files,
                images,
                resize=self.image_size is not None,
                skip_broken=self.broken == "skip",
                title=f"decoding {self.path}",
            )
        except ChecksumError as error:
            raise ChecksumError(f"{error} --data.source.broken skip leaves it out.") from error

    def _key(self, files: Sequence[tuple[Path, int]]) -> str:
        """Hash names, sizes and times of the files, which show whether a folder has changed."""
        digest = hashlib.sha256(repr((self.input_shape, self.broken)).encode())
        for file, label in files:
            status = file.stat()
            entry = f"{file}|{label}|{status.st_size}|{status.st_mtime_ns}\n"
            digest.update(entry.encode(errors="surrogateescape"))  # a name need not be text
        return digest.hexdigest()[:16]


def read_directory(
    directory: Path, shape: tuple[int, ...], num_targets: int, class_names: Sequence[str]
) -> Samples:
    """Decode every image below a directory, by name; folders named after classes give labels.

    Args:
        directory: The directory, with others in it or without.
        shape: Channels, height and width that all are brought to, as a net wants them.
        num_targets: Regression targets of each, which become NaN; 0 for classes.
        class_names: The classes; the label is -1 where no folder is named after one.

    Raises:
        DatasetNotFoundError: There is no such directory, or no image in it.
        ChecksumError: A file is no image, or broken.
        ConfigError: The net takes no images.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ConfigError(
            f"data.predict_dir '{directory}' is for images, and the net takes inputs of shape "
            f"{shape}. Leave it out."
        )
    if not directory.is_dir():
        raise DatasetNotFoundError(f"data.predict_dir '{directory}' is not there.")
    files = images_below(directory)
    if not files:
        raise DatasetNotFoundError(f"No images in data.predict_dir '{directory}'.")
    images = shared_array((len(files), *shape))
    try:
        decode_images(files, images, resize=True, title=f"decoding {directory}")
    except ChecksumError as error:
        raise ChecksumError(
            f"{error} Take it away, or type mlp-lab infer with --broken=skip in place of predict."
        ) from error
    names = [str(file.relative_to(directory)) for file in files]
    num = len(files)
    labels = torch.full((num, num_targets), math.nan) if num_targets else torch.full((num,), -1)
    if (found := labels_by_folder(files, directory, class_names)) is not None:
        labels = torch.from_numpy(found)
    return Samples(torch.from_numpy(images), labels, names)


def _one_of(paths: Sequence[Path]) -> str:
    return f", one of {len(paths):,} such paths" if len(paths) > 1 else ""


def _subdirectories(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:  # knows what is a directory without a stat for each
        found = [
            Path(entry.path)
            for entry in entries
            if entry.name[0] != "."
            and (Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir())
        ]
    return sorted(found)


def _new_array(path: Path, num: int, shape: tuple[int, int, int]) -> np.memmap:
    """Make a file of bytes, mapped into memory; a file of that name lives on where it is mapped."""
    path.unlink(missing_ok=True)
    array: np.memmap = np.lib.format.open_memmap(path, "w+", np.uint8, (num, *shape))
    if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process that writes
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
