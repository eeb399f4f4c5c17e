"""Batches of raw inputs from files, with names and known labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, groupby
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, check_choice
from mlp_lab.files.npz_file import load_npz
from mlp_lab.images import SUFFIXES, images_below, labels_by_folder, stream_images
from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.tables import AS_TRAINED, TableOptions, read_inputs
from mlp_lab.tables import SUFFIXES as TABLE_SUFFIXES
from mlp_lab.tables import is_table

# Names of inputs in the order of preference, with those of their labels.
_LABELS = {
    **{"x_test": "y_test", "x": "y", "data": "target", "inputs": "labels"},
    **{"x_val": "y_val", "x_train": "y_train"},
}
_FLOAT_BYTES = 4

Broken = Literal["refuse", "skip"]
"""What is done with an image that cannot be read."""


@dataclass(frozen=True)
class Batch:
    """Some inputs.

    Attributes:
        inputs: As the model takes them, ``(N, *input_shape)``; the next batch overwrites them.
        names: The file of each, or its index in an array.
        labels: True class indices ``(N,)``, -1 where not known, or the targets ``(N, T)`` of a
            table, NaN where not known; None where none is known.
        are_files: Whether the names are those of files.
        ids: The cell of each in the column that names the rows; None without such a column.
    """

    inputs: NDArray[Any]
    names: list[str]
    labels: NDArray[Any] | None = None
    are_files: bool = False
    ids: list[str] | None = None


def read_batches(
    paths: Sequence[Path],
    info: ModelInfo,
    batch_size: int,
    broken: Broken = "refuse",
    tables: TableOptions = AS_TRAINED,
) -> Iterator[Batch]:
    """Yield everything in images, directories of images, ``.npz``, ``.pt`` and table files.

    Images are brought to the model's shape as in training; one that cannot be read is refused, or
    left out with a line on the console. Folders named after classes give the labels, as ``y_test``
    does beside ``x_test`` in an array file: by the names in its ``classes``, else as the model's
    own indices, or by name where the model's class names are numbers; and as the target's column of
    a table does.

    Raises:
        DatasetNotFoundError: A path is not there, or holds no image that can be read.
        ChecksumError: A file is torn, or holds pickled objects.
        ConfigError: Inputs that are not of the model's shape and type, or a kind of file that is
            not read.
    """
    check_choice("broken", broken, get_args(Broken))
    for is_image, several in groupby(paths, _is_image):
        if is_image:
            yield from _read_images([*several], info, batch_size, None, broken)
            continue
        for path in several:
            if path.is_dir():
                files = images_below(path)
                if not files:
                    raise DatasetNotFoundError(f"No images in {str(path)!r}.")
                yield from _read_images(files, info, batch_size, path, broken)
            elif not path.exists():
                raise DatasetNotFoundError(f"{str(path)!r} is not there.")
            elif is_table(path):
                yield from _read_table(path, info, batch_size, tables)
            elif path.suffix.lower() in (".npz", ".pt"):
                yield from _read_arrays(path, info, batch_size)
            else:
                raise ConfigError(
                    f"{str(path)!r} is neither a directory nor one of .npz, .pt, "
                    f"{', '.join((*sorted(SUFFIXES), *TABLE_SUFFIXES))}."
                )


def names_files(path: Path) -> bool:
    """Whether what ``read_batches`` yields for a path are files: an image, or those below it."""
    return path.is_dir() or _is_image(path)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.exists() and not path.is_dir()


def _read_images(
    files: Sequence[Path],
    info: ModelInfo,
    batch_size: int,
    directory: Path | None,
    broken: Broken,
) -> Iterator[Batch]:
    shape = info.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3) or info.input_type != "uint8":
        raise ConfigError(
            f"The model takes {info.input_layout} of shape {shape}, and no images. Give a .npz or "
            ".pt with an array of that shape."
        )
    labels = None if directory is None else labels_by_folder(files, directory, info.class_names)
    left_out: list[str] = []
    start = 0
    decoded = stream_images(
        files, (shape[0], shape[1], shape[2]), batch_size, skip_broken=broken == "skip"
    )
    try:
        for images, kept in decoded:
            rows = slice(start, start + len(images))
            left_out += map(str, compress(files[rows], ~kept))
            if kept.any():
                names = [str(file) for file in compress(files[rows], kept)]
                known = None if labels is None else labels[rows][kept]
                inputs = images if kept.all() else images[kept]
                yield Batch(inputs, names, known, are_files=True)
            start += len(images)
    except ChecksumError as error:
        raise ChecksumError(f"{error} --broken skip leaves it out.") from error
    if len(left_out) == len(files):
        raise DatasetNotFoundError(
            f"None of the {len(files):,} images can be read, as {left_out[0]!r}."
        )
    if left_out:
        print(
            f"{len(left_out):,} of {len(files):,} images are broken and left out, as "
            f"{left_out[0]!r}"
        )


def _read_arrays(path: Path, info: ModelInfo, batch_size: int) -> Iterator[Batch]:
    content = load_npz(path) if path.suffix.lower() == ".npz" else _load_pt(path)
    name = next((name for name in _LABELS if name in content), None)
    if name is None:
        raise ConfigError(
            f"{str(path)!r} holds {', '.join(map(str, content)) or 'nothing'}, and none of "
            f"{', '.join(_LABELS)}."
        )
    place = f"{name} in {str(path)!r}"
    inputs = match_layout(content[name], info, place)
    if name in ("x_val", "x_train"):
        print(f"{place} is used: there is no x_test, and no x")
    labels = None
    if info.class_names and _LABELS[name] in content:
        labels = _match_labels(content, _LABELS[name], len(inputs), path, info.class_names)
    for start in range(0, len(inputs), batch_size):
        part = slice(start, start + batch_size)
        rows = cast_inputs(inputs[part], info, place, start)
        names = [str(index) for index in range(start, start + len(rows))]
        yield Batch(rows, names, None if labels is None else labels[part])


def _read_table(
    path: Path, info: ModelInfo, batch_size: int, options: TableOptions
) -> Iterator[Batch]:
    found = read_inputs(path, info, options)
    for start in range(0, len(found.inputs), batch_size):
        part = slice(start, start + batch_size)
        rows = found.inputs[part]
        names = [str(index) for index in range(start, start + len(rows))]
        labels = None if found.labels is None else found.labels[part]
        ids = None if found.ids is None else found.ids[part]
        yield Batch(rows, names, labels, ids=ids)


def _load_pt(path: Path) -> Mapping[str, Any]:
    import torch

    from mlp_lab.files.safe_load import load_plain

    content = load_plain(path, mmap=True)
    arrays = {}
    for name, value in content.items():
        if name == "classes" and isinstance(value, list | tuple):
            arrays["classes"] = np.asarray([str(one) for one in value])
        if not isinstance(value, torch.Tensor):
            continue
        try:
            # numpy has neither gradients nor the smaller floats.
            plain = value.detach().resolve_conj().resolve_neg()
            small = plain.is_floating_point() and plain.element_size() < _FLOAT_BYTES
            arrays[str(name)] = (plain.float() if small else plain).numpy()
        except (RuntimeError, TypeError) as error:  # numpy has no such type
            raise ChecksumError(f"{name} in {str(path)!r} is no plain tensor: {error}.") from error
    return arrays


def match_layout(array: NDArray[Any], info: ModelInfo, name: str) -> NDArray[Any]:
    """Bring inputs to the model's axes, channels first.

    Raises:
        ConfigError: They have another shape, or hold no numbers of the model's kind.
    """
    shape = info.input_shape
    found = array.shape[1:] if array.ndim else None
    if found == (*shape[1:], shape[0]) and len(shape) == 3 and found != shape:
        array = array.transpose(0, 3, 1, 2)
    elif found == shape[1:] and shape[0] == 1:
        array = array[:, None]
    elif found != shape:
        raise ConfigError(f"{name} has inputs of shape {found}; the model takes {shape}.")
    if info.input_type == "uint8" and array.dtype != np.uint8:
        raise ConfigError(f"{name} is of {array.dtype}; the model takes raw bytes, 0..255.")
    if array.dtype.kind not in "biuf":
        raise ConfigError(f"{name} is of {array.dtype}; the model takes numbers.")
    return array


def cast_inputs(rows: NDArray[Any], info: ModelInfo, name: str, start: int = 0) -> NDArray[Any]:
    """Bring inputs to the model's type.

    Args:
        rows: Inputs of the model's shape.
        info: Of the model.
        name: Name of the array in errors.
        start: Place of the first in it.

    Raises:
        ConfigError: A number is not finite in that type.
    """
    with np.errstate(over="ignore"):
        inputs = np.ascontiguousarray(rows, dtype=info.input_type)
    finite = np.isfinite(inputs).reshape(len(inputs), -1).all(1)
    if not finite.all():
        row = start + int(finite.argmin())
        raise ConfigError(f"Row {row} of {name} has a number that is not finite, or too large.")
    return inputs


def _match_labels(
    content: Mapping[str, Any], name: str, num: int, path: Path, class_names: Sequence[str]
) -> NDArray[np.int64] | None:
    """Return the model's class indices ``(N,)``, -1 for other classes.

    In the file they are integers ``(N,)`` or ``(N, 1)``, -1 where the class is not known. Others
    are left out with a line on the console.
    """
    array = content[name]
    if array.shape not in ((num,), (num, 1)) or array.dtype.kind not in "iu":
        print(
            f"{name} in {str(path)!r} is {array.dtype} of shape {array.shape}, no labels: left out"
        )
        return None
    values, inverse = np.unique(array.reshape(-1).astype(np.int64), return_inverse=True)
    found: list[int] = values.tolist()
    if "classes" in content:
        file_names = dict(enumerate(map(str, np.ravel(content["classes"]).tolist())))
    elif all(name.isdecimal() for name in class_names):
        file_names = {value: str(value) for value in found if value >= 0}
    else:
        file_names = dict(enumerate(class_names))
    if unnamed := [value for value in found if value != -1 and value not in file_names]:
        print(f"{name} in {str(path)!r} has labels without a class, as {unnamed[0]}: left out")
        return None
    indices = {name: index for index, name in enumerate(class_names)}
    known = [indices.get(file_names.get(value, ""), -1) for value in found]
    return np.asarray(known, np.int64)[inverse]
