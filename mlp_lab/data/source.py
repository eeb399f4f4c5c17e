"""Data sets: facts known before loading, and samples held whole in memory."""

import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlp_lab.errors import ConfigError, MLPLabWarning, did_you_mean
from mlp_lab.tables import Column

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
Batch = tuple[Tensor, Tensor]
"""Inputs and labels."""


def batches_of(served: Batch | list[Batch]) -> list[Batch]:
    """Return the batches that a loader yields at once: one, or several to be trained on as one."""
    return served if isinstance(served, list) else [served]


@dataclass(frozen=True)
class Samples:
    """Inputs and labels of one part of a data set.

    Shape:
        inputs ``(N, C, H, W)`` uint8 for images or ``(N, D)`` float32; labels ``(N,)`` int64 for
        classes, or ``(N, T)`` float32 regression targets.

    Attributes:
        inputs: Inputs of the net.
        labels: Labels or targets; -1 for a class that is not known.
        files: The file of each sample, where it has its own.
    """

    inputs: Tensor
    labels: Tensor
    files: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: Tensor, labels: Tensor) -> "Samples":
        """Return some of the samples with new labels."""
        files = [self.files[row] for row in rows.tolist()] if self.files else None
        return Samples(self.inputs[rows], labels, files)


def join_samples(parts: Sequence[Samples]) -> Samples:
    """Return the samples of several parts as one; a single part is not copied."""
    if len(parts) == 1:
        return parts[0]
    files = [file for part in parts for file in part.files or ()]
    return Samples(
        torch.cat([part.inputs for part in parts]),
        torch.cat([part.labels for part in parts]),
        files or None,
    )


def choose_classes(labels: Tensor, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Find the samples of some classes, and number these classes anew in the order given.

    Shape:
        labels ``(N,)`` int64; results ``(n,)`` int64: indices, ascending, and new labels.

    Example:
        >>> [x.tolist() for x in choose_classes(torch.tensor([0, 5, 3, 5]), [5, 0])]
        [[0, 1, 3], [1, 0, 0]]
    """
    is_of = labels[:, None] == torch.tensor(chosen)  # (N, K)
    rows = is_of.any(1).nonzero().flatten()
    return rows, is_of[rows].int().argmax(1)


class Source(ABC):
    """Where samples come from.

    The facts below hold before anything is downloaded or read, so that a net can be built and a
    contradictory configuration refused at once.

    Attributes:
        input_shape: Shape of one input, ``(C, H, W)`` for images.
        class_names: Names of the K classes, in the order of their labels; empty for regression.
        num_targets: Number T of regression targets of each sample; 0 where there are classes.
        target_names: Names of the T targets, where they have some.
        columns: What each of the D inputs is, as all rows of a table have it; empty for others.
        are_columns_learned: Whether they are as a model has learned them, and are not learned anew.
        target: Name of the column of a table that is the target.
        dialect: How the file of a table is read: arguments of ``mlp_lab.tables.read_table``.
        min_count: Training rows that a category of a column needs to be known.
        parts: The parts that ``load`` returns; what is missing is split off from ``train``.
        if_no_classes: What to do where the labels turn out to be no classes; empty where they are.
        may_write: Whether downloads and caches may be written where the settings say; not where
            they come from a file that another may have written.

    Args:
        classes: The classes that are kept, by name or number, in the order of their new labels; by
            default all.

    Raises:
        ConfigError: An unknown class, or one named twice.
    """

    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    num_targets: int = 0
    target_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    are_columns_learned: bool = False
    target: str = ""
    dialect: Mapping[str, Any] = MappingProxyType({})
    min_count: int = 1
    parts: frozenset[Part]
    if_no_classes: ClassVar[str] = ""
    may_write: bool = True

    def __init__(self, classes: list[int | str] | None = None) -> None:
        self.notes: list[str] = []
        """What is unusual about the files, found on reading; goes into the manifest."""
        self.provenance: dict[str, Any] | None = None
        """Where the samples of a prepared file come from; goes into the manifest too."""
        self.classes = classes
        self.all_class_names = self.class_names
        """Names of all classes that the files hold, chosen or not."""
        if classes is not None:
            self._labels_kept = [self._find_class(name) for name in classes]
            if len(set(self._labels_kept)) < len(classes):
                raise ConfigError(f"data.source.classes is {classes}; a class comes twice in it.")
            self.class_names = tuple(self.all_class_names[label] for label in self._labels_kept)
        if twice := [name for name, n in Counter(self.class_names).items() if n > 1]:
            raise ConfigError(f"data.source {self.name} has two classes called {twice[0]!r}.")
        if len(self.class_names) == 1:
            raise ConfigError(
                f"data.source {self.name} has one class alone, {self.class_names[0]!r}; there must "
                "be two to tell apart."
            )

    def _find_class(self, wanted: int | str) -> int:
        """Return the label of a class given by name or number."""
        names = self.all_class_names
        if str(wanted) in names:  # which may be numbers: the parser makes one of "7"
            return names.index(str(wanted))
        if str(wanted).isdecimal() and int(wanted) < len(names):
            return int(wanted)
        raise ConfigError(
            f"Unknown class {wanted!r} in data.source.classes; {self.name} numbers its classes "
            f"0..{len(names) - 1}. {did_you_mean(str(wanted), names)}"
        )

    def warn(self, note: str) -> None:
        """Warn of something unusual about the files, and note it for the manifest."""
        self.notes.append(note)
        warnings.warn(note, MLPLabWarning, stacklevel=3)

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return len(self.class_names)

    @property
    def name(self) -> str:
        """Name of the data set in the console and the manifest."""
        return type(self).__name__

    def load(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Read every part, and keep the chosen classes.

        Args:
            root: Directory of the data sets. Sources that bring their own path ignore it.
            download: Whether missing files may be fetched.

        Raises:
            DatasetNotFoundError: The files are missing and were not or could not be fetched.
            ChecksumError: A file is not what it should be.
        """
        parts = self.read(root, download=download and self.may_write)
        if self.classes is None:
            return parts
        return {
            part: samples.select(*choose_classes(samples.labels, self._labels_kept))
            for part, samples in parts.items()
        }

    def keep(self) -> None:  # noqa: B027  # most sources have nothing to keep
        """Keep what reading has found for the next time, if ``may_write``."""

    @abstractmethod
    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Read every part, all classes, with the arguments and errors of ``load``."""


class SampleSubset(Dataset[Batch]):
    """The samples of one part that a split picked, fetched a whole batch at a time.

    Args:
        samples: The part, held in memory.
        indices: Rows of the part, ``(n,)`` int64.
    """

    def __init__(self, samples: Samples, indices: Tensor) -> None:
        self.samples = samples
        self.indices = indices

    @property
    def labels(self) -> Tensor:
        """Labels ``(n,)`` in the order of ``indices``."""
        return self.samples.labels[self.indices]

    @property
    def files(self) -> list[str] | None:
        """The file of each, where samples have their own."""
        files = self.samples.files
        return None if files is None else [files[row] for row in self.indices.tolist()]

    def at(self, positions: Tensor) -> "SampleSubset":
        """Return the subset of some of these samples, or of one several times."""
        return SampleSubset(self.samples, self.indices[positions])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, positions: int | Tensor) -> Batch:
        """Fetch one sample, or a batch by one index operation.

        Shape:
            positions ``(n,)`` int64; result ``(n, *input_shape)`` and ``(n,)``.
        """
        if isinstance(positions, int):
            row = self.indices[positions]
            return self.samples.inputs[row], self.samples.labels[row]
        # index_select takes a fifth of the time of indexing with brackets.
        rows = self.indices.index_select(0, positions)
        return self.samples.inputs.index_select(0, rows), self.samples.labels.index_select(0, rows)

    def __getitems__(self, positions: list[int]) -> Batch:
        """Fetch a batch for a DataLoader with a batch size, which gives a list of positions."""
        return self[torch.tensor(positions)]
