"""What a large table holds, kept beside its file: text is parsed once."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mlp_lab import __version__
from mlp_lab.data.source import Part, Samples
from mlp_lab.errors import ChecksumError, WriteError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.safe_load import load_plain
from mlp_lab.tables import Column

_LARGE = 10**6  # bytes; less is parsed in a tenth of a second
_SUFFIX = ".mlp_lab"


@dataclass(frozen=True)
class TableContent:
    """What was found in the files of a table.

    Attributes:
        columns: What each input is.
        class_names: Classes of the target; empty where it holds numbers.
        notes: What was warned of.
        parts: The samples of each part.
    """

    columns: tuple[Column, ...]
    class_names: tuple[str, ...]
    notes: Sequence[str]
    parts: dict[Part, Samples]


class TableCache:
    """The content of a table as it was found before, for as long as its files are the same.

    It is kept in ``.NAME.mlp_lab`` beside the file, with the hash of all that it follows from: the
    bytes of the files, the settings and the version of this package.

    Args:
        paths: The file, and that of the test set where it has its own.
        settings: What else decides what is found.
    """

    def __init__(self, paths: Sequence[Path], settings: Sequence[object]) -> None:
        self._paths = paths
        self._settings = settings
        self._key = ""
        self._is_due = False

    def read(self) -> TableContent | None:
        """Return what was found before; None where nothing was, or something has changed since."""
        if not all(path.is_file() for path in self._paths):
            return None
        if sum(path.stat().st_size for path in self._paths) < _LARGE:
            return None
        self._key = self._hash()
        self._is_due = True
        try:
            kept = load_plain(self._file, mmap=True)
        except (OSError, ChecksumError):
            return None
        if kept.get("key") != self._key:
            return None
        self._is_due = False
        return TableContent(
            tuple(map(Column.from_plain, kept["columns"])),
            tuple(kept["class_names"]),
            kept["notes"],
            {part: Samples(*tensors) for part, tensors in kept["parts"].items()},
        )

    def write(self, content: TableContent) -> None:
        """Keep what was found, where nothing is kept yet and something can be written."""
        if not self._is_due or not os.access(self._file.parent, os.W_OK):
            return
        kept: dict[str, Any] = {
            "key": self._key,
            "columns": [column.plain() for column in content.columns],
            "class_names": list(content.class_names),
            "notes": list(content.notes),
            "parts": {part: (s.inputs, s.labels) for part, s in content.parts.items()},
        }
        with contextlib.suppress(OSError, WriteError), replacing(self._file) as unfinished:
            torch.save(kept, unfinished)
            self._is_due = False

    @property
    def _file(self) -> Path:
        path = self._paths[0].resolve()
        return path.with_name(f".{path.name}{_SUFFIX}")

    def _hash(self) -> str:
        # The paths as they were typed, which notes name.
        decisive = (__version__, *map(str, self._paths), *self._settings)
        digest = hashlib.sha256(repr(decisive).encode())
        for path in self._paths:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
