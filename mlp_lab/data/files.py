"""Data sets in the user's own files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from mlp_lab.data.source import PARTS, Part, Samples, Source
from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, check_choice
from mlp_lab.files.npz_file import load_npz
from mlp_lab.files.safe_load import load_plain
from mlp_lab.tables import Column

Layout = Literal["auto", "NHW", "NHWC", "NCHW", "ND"]
Targets = Literal["classes", "numbers"]

_COLOURS = (1, 3, 4)  # sizes that a channel dimension is recognised by
LARGEST_TARGET = 1e15  # squared, and summed over all samples, it is still a float32


class TensorFile(Source):
    """Arrays in one file: x_train and y_train, the same for val and test, or x and y alone.

    ``data`` and ``target`` are understood as x and y too, and ``classes`` names the classes. Labels
    are integers or one-hot; where integers leave gaps, they are numbered anew in ascending order.
    Nothing is unpickled. What ``mlp-lab prepare`` has written of a table is one again: its columns
    are categories, booleans and numbers, NaN where missing.

    Args:
        path: A ``.npz``, or a ``.pt`` of tensors and plain types.
        layout: How images lie in memory: NHW, NHWC or NCHW, or ND for flat features; ``auto``
            infers it from the sizes.
        targets: What y holds: ``classes``, or ``numbers`` for regression, one or several for each
            sample.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: The file is torn, or holds what cannot be used.
        ConfigError: The layout is ambiguous, or does not fit.
    """

    if_no_classes: ClassVar[str] = (
        "If y holds regression targets, set --data.source.targets numbers."
    )

    def __init__(
        self,
        path: Path,
        layout: Layout = "auto",
        classes: list[int | str] | None = None,
        targets: Targets = "classes",
    ) -> None:
        check_choice("data.source.layout", layout, get_args(Layout))
        check_choice("data.source.targets", targets, get_args(Targets))
        self.path = path = Path(path)  # in Python many give text
        self.layout = layout
        content = _read_arrays(path)
        # Kept for the first load, so that the file is read once.
        self._content: dict[str, Any] | None = content
        arrays = {p: self._tensor(content, f"x_{p}") for p in PARTS if f"x_{p}" in content}
        if "train" not in arrays:
            names = ", ".join(content) or "nothing"
            raise ChecksumError(f"'{path}' has neither x_train nor x; it holds {names}.")
        self.parts = frozenset(arrays)
        self._axes = self._find_axes(arrays["train"])
        self.input_shape = tuple(_arrange(arrays["train"][:1], self._axes).shape[1:])
        if 0 in self.input_shape:
            raise ChecksumError(
                f"x_train of '{path}' has the shape {tuple(arrays['train'].shape)}: its samples "
                "hold no number."
            )
        self.columns = self._find_columns(content.get("columns"))
        self.targets = targets
        if targets == "numbers":
            if classes is not None:
                raise ConfigError(
                    "data.source.classes is for classes, and data.source.targets is 'numbers'. "
                    "Leave one of the two out."
                )
            self._labels = {p: self._targets(content, p, len(x)) for p, x in arrays.items()}
            self.class_names = ()
            self.num_targets = self._labels["train"].shape[1]
            self.target_names = self._find_target_names(content.get("target_names"))
        else:
            labels = {p: self._class_labels(content, p, len(x)) for p, x in arrays.items()}
            self.class_names, self._labels = self._name_classes(labels, content.get("classes"))
        super().__init__(classes)
        provenance = content.get("provenance")
        self.provenance = provenance if isinstance(provenance, dict) else None

    @property
    def name(self) -> str:
        """Kind and name of what is read."""
        return f"{type(self).__name__} '{self.path.name}'"

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Read images or features, and lay them out as ``(N, C, H, W)`` or ``(N, D)``."""
        content, self._content = self._content or _read_arrays(self.path), None
        return {
            part: Samples(self._inputs(content[f"x_{part}"], f"x_{part}"), labels)
            for part, labels in self._labels.items()
        }

    def _tensor(self, content: Mapping[str, Any], name: str) -> Tensor:
        array = content[name]
        is_plain = isinstance(array, Tensor) and array.layout == torch.strided
        if not is_plain or array.is_complex() or array.is_quantized:
            kind = getattr(array, "dtype", type(array).__name__)
            raise ChecksumError(
                f"{name} of '{self.path}' is of type {kind}; it must be an array of numbers."
            )
        plain: Tensor = array
        return plain

    def _find_axes(self, x: Tensor) -> str:
        if self.layout != "auto":
            if len(self.layout) != x.ndim:
                raise ConfigError(
                    f"data.source.layout is {self.layout!r}, but the arrays of '{self.path}' have "
                    f"the shape {tuple(x.shape)}."
                )
            return self.layout
        if x.ndim in (2, 3):
            return "ND" if x.ndim == 2 else "NHW"
        if x.ndim == 4 and (x.shape[1] in _COLOURS) != (x.shape[3] in _COLOURS):
            return "NCHW" if x.shape[1] in _COLOURS else "NHWC"
        raise ConfigError(
            f"The layout of '{self.path}', of shape {tuple(x.shape)}, is ambiguous. "
            "Set --data.source.layout to NHWC or NCHW."
        )

    def _find_columns(self, listed: Any) -> tuple[Column, ...]:
        """Return the columns of a table that was prepared; names alone make none."""
        if not (isinstance(listed, list) and all(isinstance(column, dict) for column in listed)):
            return ()
        try:
            columns = tuple(map(Column.from_plain, listed))
        except ChecksumError as error:
            raise ChecksumError(f"columns of '{self.path}' cannot be used: {error}.") from error
        if (len(columns),) != self.input_shape:
            raise ChecksumError(
                f"'{self.path}' describes {len(columns)} columns, and x_train has the shape "
                f"{self.input_shape}."
            )
        return columns

    def _find_target_names(self, listed: Any) -> tuple[str, ...]:
        is_whole = isinstance(listed, list) and len(listed) == self.num_targets
        return tuple(map(str, listed)) if is_whole else ()

    def _check_cells(self, x: Tensor, name: str) -> None:
        """Refuse cells of a table that are neither missing nor what their column holds."""
        for place, column in enumerate(self.columns):
            cells = x[:, place]
            cells = cells[~cells.isnan()]
            last = {"categorical": len(column.categories), "boolean": 1}.get(column.kind)
            are_codes = last is None or ((cells == cells.round()) & (cells >= 0) & (cells <= last))
            if cells.isinf().any() or not torch.as_tensor(are_codes).all():
                raise ChecksumError(
                    f"{name} of '{self.path}' has cells that column {column.name!r}, which is "
                    f"{column.kind}, cannot have."
                )

    def _inputs(self, x: Tensor, name: str) -> Tensor:
        if x.dtype == torch.uint8:
            x = x.float() if self._axes == "ND" else x  # features, not pixels
        elif not x.is_floating_point():
            raise ChecksumError(
                f"{name} of '{self.path}' is {x.dtype}; images are uint8 and features floating."
            )
        elif not (x := x.float()).isfinite().all() and not self.columns:
            raise ChecksumError(f"{name} of '{self.path}' holds NaN or infinity.")
        self._check_cells(x, name)
        arranged = _arrange(x, self._axes)
        if tuple(arranged.shape[1:]) != self.input_shape:
            raise ChecksumError(
                f"{name} of '{self.path}' has samples of shape {tuple(arranged.shape[1:])}, and "
                f"x_train of {self.input_shape}."
            )
        return arranged

    def _y(self, content: Mapping[str, Any], part: Part, num: int) -> Tensor:
        """Return y of a part as the file holds it, after checks."""
        name = f"y_{part}"
        if name not in content:
            raise ChecksumError(f"'{self.path}' has x_{part} but no {name}.")
        y = self._tensor(content, name)
        if not y.ndim or len(y) != num:
            raise ChecksumError(
                f"'{self.path}' has {num:,} samples in x_{part} but {y.shape[:1].numel():,} labels "
                f"in {name}."
            )
        if y.is_floating_point() and not y.isfinite().all():
            raise ChecksumError(f"{name} of '{self.path}' holds NaN or infinity.")
        return y

    def _targets(self, content: Mapping[str, Any], part: Part, num: int) -> Tensor:
        """Return the regression targets of a part, ``(N, T)``."""
        y = self._y(content, part, num)
        if y.ndim not in (1, 2) or y.numel() == 0:
            raise ChecksumError(f"y_{part} of '{self.path}' has the shape {tuple(y.shape)}.")
        if (largest := float(y.double().abs().max())) > LARGEST_TARGET:
            raise ChecksumError(
                f"y_{part} of '{self.path}' reaches {largest:.0e}, too large for a loss in "
                f"float32; {LARGEST_TARGET:.0e} is the most. Give its targets in another unit."
            )
        return y.float().reshape(num, -1)

    def _class_labels(self, content: Mapping[str, Any], part: Part, num: int) -> Tensor:
        """Return the labels of a part, one-hot ones as integers."""
        name = f"y_{part}"
        y = self._y(content, part, num)
        if y.is_floating_point() and not (y == y.round()).all():
            raise ChecksumError(
                f"{name} of '{self.path}' holds labels that are no integers. {self.if_no_classes}"
            )
        given, y = y, y.long()
        if (y.double() != given.double()).any():
            raise ChecksumError(f"{name} of '{self.path}' holds labels beyond 2**63.")
        if y.ndim == 2 and y.shape[1] > 1:
            if not ((y == 0) | (y == 1)).all() or not (y.sum(1) == 1).all():
                raise ChecksumError(f"{name} of '{self.path}' has rows that are not one-hot.")
            return y.argmax(1)
        if y.numel() != num:
            raise ChecksumError(f"{name} of '{self.path}' has the shape {tuple(y.shape)}.")
        return y.flatten()

    def _name_classes(
        self, labels: dict[Part, Tensor], named: Any
    ) -> tuple[tuple[str, ...], dict[Part, Tensor]]:
        """Return the names of the classes, and labels that number them from 0."""
        values = torch.unique(torch.cat(list(labels.values())))
        if isinstance(named, Tensor | np.ndarray):
            named = named.tolist()
        if named is not None and not isinstance(named, list | tuple):
            raise ChecksumError(
                f"classes of '{self.path}' is {named!r:.50}; it must list the names of the classes."
            )
        names = tuple(str(name) for name in named) if named is not None else None
        if names is None or len(names) == len(values):
            names = names or tuple(str(value) for value in values.tolist())
            return names, {part: torch.searchsorted(values, y) for part, y in labels.items()}
        if len(values) and not 0 <= int(values[0]) <= int(values[-1]) < len(names):
            raise ChecksumError(
                f"'{self.path}' names {len(names)} classes, but its labels are "
                f"{len(values)} different ones from {int(values[0])} to {int(values[-1])}."
            )
        return names, labels


def _read_arrays(path: Path) -> dict[str, Any]:
    """Read a file of arrays as tensors and plain types, nothing else, under their full names."""
    if not path.is_file():
        raise DatasetNotFoundError(f"data.source.path '{path}' is not there, or no file.")
    if path.suffix == ".npz":
        content = {
            name: torch.from_numpy(array) if array.dtype.kind in "biuf" else array
            for name, array in load_npz(path).items()
        }
    elif path.suffix in (".pt", ".pth"):
        content = load_plain(path, mmap=True)
    else:
        raise ConfigError(
            f"data.source.path is '{path}', and TensorFile reads .npz and .pt alone. Read it once, "
            "with NumPy or pandas, and write x and y by numpy.savez."
        )
    full = {"x": "x_train", "y": "y_train", "data": "x_train", "target": "y_train"}
    return {full.get(name, name): value for name, value in content.items()}


def _arrange(x: Tensor, axes: str) -> Tensor:
    """Bring images to ``(N, C, H, W)``."""
    if axes == "NHW":
        return x[:, None]
    return x.permute(0, 3, 1, 2).contiguous() if axes == "NHWC" else x
