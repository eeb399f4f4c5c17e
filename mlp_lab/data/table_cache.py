"""What a large text file of a table holds, kept beside it: text is parsed once."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from mlp_lab.data.source import Part, Samples
from mlp_lab.errors import ChecksumError, WriteError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.beside import beside
from mlp_lab.files.safe_load import load_plain
from mlp_lab.tables import Column

_LARGE = 10**6  # bytes; less is parsed in a tenth of a second
_CODE = sorted(Path(__file__).parent.glob("table*.py"))
_CODE += sorted((Path(__file__).parent.parent / "tables").glob("*.py"))


@dataclass(frozen=True)
class TableContent:
    """What was found in the files of a table.

    Attributes:
        columns: What each of the D inputs is.
        class_names: The K classes of the target; empty where it holds a number.
        notes: What was warned of.
        parts: The samples of each part.
    """

    columns: tuple[Column, ...]
    class_names: tuple[str, ...]
    notes: Sequence[str]
    parts: dict[Part, Samples]

    def check(self) -> None:
        """Refuse samples that do not fit the columns and classes.

        Raises:
            ValueError: They do not.
        """
        for samples in self.parts.values():
            inputs, labels = samples.inputs, samples.labels
            num, num_classes = len(inputs), len(self.class_names)
            fit = inputs.dtype == torch.float32 and inputs.shape == (num, len(self.columns))
            if num_classes:
                fit &= labels.dtype == torch.int64 and labels.shape == (num,)
                fit &= not num or (int(labels.min()) >= 0 and int(labels.max()) < num_classes)
            else:
                fit &= labels.dtype == torch.float32 and labels.shape == (num, 1)
            if not fit:
                raise ValueError("samples that do not fit the columns and classes")


class TableCache:
    """The content of a table as it was found before, for as long as all is the same.

    It is kept in ``.NAME.mlp_lab`` beside the file, with the hash of all that it follows from: the
    bytes of the files, the settings, and the code that reads them.

    Args:
        paths: The file, and that of the test set where it has its own.
        settings: What else decides what is found.
    """

    def __init__(self, paths: Sequence[Path], settings: Sequence[object]) -> None:
        self._paths = paths
        self._settings = settings
        self._file = beside(paths[0])
        self._key = ""

    def read(self) -> TableContent | None:
        """Return what was found before; None where nothing was, or something has changed since."""
        if not all(path.is_file() for path in self._paths):
            return None
        is_text = self._paths[0].suffix != ".parquet"
        if not is_text or sum(path.stat().st_size for path in self._paths) < _LARGE:
            return None
        self._key = self._hash()
        try:
            kept = load_plain(self._file, mmap=True)
            if kept["key"] != self._key:
                return None
            content = TableContent(
                tuple(map(Column.from_plain, kept["columns"])),
                tuple(map(str, kept["class_names"])),
                [*map(str, kept["notes"])],
                {part: Samples(*tensors) for part, tensors in kept["parts"].items()},
            )
            content.check()
        # Torn, or somebody else's, in any way.
        except (OSError, ChecksumError, LookupError, TypeError, AttributeError, ValueError):
            return None
        return content

    def write(self, content: TableContent) -> None:
        """Keep what was found in a large file, if nothing has changed meanwhile and it can be."""
        if not self._key or not os.access(self._file.parent, os.W_OK) or self._hash() != self._key:
            return
        kept: dict[str, Any] = {
            "key": self._key,
            "columns": [column.plain() for column in content.columns],
            "class_names": [*content.class_names],
            "notes": [*content.notes],
            "parts": {part: (s.inputs, s.labels) for part, s in content.parts.items()},
        }
        # torch.save raises RuntimeError where the disk is full.
        with (
            contextlib.suppress(OSError, WriteError, RuntimeError),
            replacing(self._file) as unfinished,
        ):
            unfinished.touch(0o600)
            torch.save(kept, unfinished)
            modes = [path.stat().st_mode & 0o666 for path in self._paths]
            unfinished.chmod(modes[0] & modes[-1])  # who may not read the table may not read this

    def _hash(self) -> str:
        # The paths as they were typed, which notes name.
        decisive = (version("polars"), *map(str, self._paths), *self._settings)
        digest = hashlib.sha256(repr(decisive).encode())
        for path in (*_CODE, *self._paths):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
