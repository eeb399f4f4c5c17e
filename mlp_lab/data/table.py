"""A table of columns in a file: what each is, and what is learned of its training rows."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
import torch

from mlp_lab.data.files import LARGEST_TARGET
from mlp_lab.data.known_table import KnownTable, find_known
from mlp_lab.data.source import Part, Samples, Source
from mlp_lab.data.table_cache import TableCache, TableContent
from mlp_lab.data.table_choice import EXACT, MOST_CLASSES, ColumnChoice, name_kind
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning, check_choice, did_you_mean
from mlp_lab.nets.memory import require_memory
from mlp_lab.tables import MISSING, Cells, Column, encode, estimate_size, read_table
from mlp_lab.tables.columns import format_category

Learned = Literal["classification", "regression"]
NoTarget = Literal["refuse", "drop"]

_COPIES = 3  # of the float32 matrix that reading takes at most, by measurement
_LARGE = 5e8


class Table(Source):
    """The columns of a CSV, TSV or Parquet file, one of which is to be predicted.

    Whether a column holds numbers, booleans or texts follows from its cells. A net takes raw
    values: numbers, 0 and 1, and codes of categories; what is missing is NaN. All else, such as
    scaling, is its own: see ``model.encoding``. Left out with a warning are a column without two
    different values, and one that names its rows: texts of which most differ, or row numbers.
    What is found in a text file of a megabyte and more is kept in ``.NAME.mlp_lab`` beside it; it
    is parsed anew where it or a setting has changed, and for a net that knows its own columns.

    Args:
        path: A ``.csv``, ``.tsv``, the same with ``.gz``, or a ``.parquet``.
        target: Name of the column to be predicted.
        test_path: A file of the same columns that is the test set.
        task: Whether the target holds classes (``classification``) or numbers (``regression``). By
            default texts, booleans and at most 20 different integers are classes.
        drop: Columns that are left out.
        categorical: Columns whose cells are categories, whatever they look like.
        numeric: Columns whose cells are numbers; what is none is refused.
        missing: Texts that stand for a missing value, such as ``?``; an empty cell, NA, NaN, null
            and the like always do.
        no_target: Whether a row without a target is refused, or left out and counted (``drop``).
        min_count: Training rows that a category needs to be known; rarer ones count as one, called
            other.
        separator: What separates cells; by default a comma, in ``.tsv`` a tab.
        encoding: Encoding of a text file, such as ``latin-1``.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: It is torn, or holds what cannot be learned from.
        ConfigError: An unknown column, or one of another kind.
    """

    if_no_classes: ClassVar[str] = "If they are numbers, set --data.source.task regression."

    def __init__(
        self,
        path: Path,
        target: str,
        test_path: Path | None = None,
        task: Learned | None = None,
        drop: list[str] | None = None,
        categorical: list[str] | None = None,
        numeric: list[str] | None = None,
        missing: list[str] | None = None,
        no_target: NoTarget = "refuse",
        min_count: int = 5,
        separator: str | None = None,
        encoding: str = "utf-8",
        classes: list[int | str] | None = None,
    ) -> None:
        check_choice("data.source.task", task, (None, *get_args(Learned)))
        check_choice("data.source.no_target", no_target, get_args(NoTarget))
        if min_count < 1:
            raise ConfigError(f"data.source.min_count is {min_count}; it must be at least 1.")
        self.path = path = Path(path)  # in Python many give text
        self.target = target
        self.test_path = None if test_path is None else Path(test_path)
        self.task = task
        self.drop = drop
        self.categorical = categorical
        self.numeric = numeric
        self.missing = missing
        self.no_target = no_target
        self.min_count = min_count
        self.separator = separator
        self.encoding = encoding
        if path.suffix != ".parquet":
            texts = [*MISSING, *(missing or ())]
            self.dialect = {"missing": texts, "separator": separator, "encoding": encoding}
        self._known = find_known.get()()
        if self._known and classes is not None:
            self._known = replace(self._known, class_names=None)
        self.are_columns_learned = self._known is not None
        self._found: list[str]
        self.parts = frozenset({"train"} if test_path is None else {"train", "test"})
        files = [path] if self.test_path is None else [path, self.test_path]
        chosen = (target, task, drop, categorical, numeric, missing, no_target, separator, encoding)
        self._cache = TableCache(files, chosen) if self._known is None else None
        self._unkept: TableContent | None = None
        # Kept for the first load, so that the file is read once.
        self._content: dict[Part, Samples] | None = self._find_parts()
        if self.num_targets and classes is not None:
            raise ConfigError(
                f"data.source.classes is for classes, and {target!r} holds numbers. Leave it out."
            )
        super().__init__(classes)
        self.notes += self._found

    @property
    def name(self) -> str:
        """Kind and name of what is read, and what its target holds."""
        holds = "numbers" if self.num_targets else f"{self.num_classes} classes"
        return f"{type(self).__name__} '{self.path.name}', {holds} in {self.target!r}"

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Return the rows of the file, and of the test set's own."""
        content, self._content = self._content, None
        if content is None:
            chosen = self.class_names
            content = self._find_parts()
            self.class_names = chosen
        return content

    def keep(self) -> None:
        """Keep what was found in a large file, so that it need not be parsed the next time."""
        if self.may_write and self._cache and self._unkept:
            self._cache.write(self._unkept)
        self._unkept = None

    def _find_parts(self) -> dict[Part, Samples]:
        """Take over what was found before in the same files, and warn of the same; or read them."""
        self._found = []
        found = self._cache.read() if self._cache else None
        if found is None or found.parts.keys() != self.parts:
            parts = self._read_parts()
            if self._cache:
                self._unkept = TableContent(self.columns, self.class_names, self._found, parts)
            return parts
        self.columns, self.class_names = found.columns, found.class_names
        self.input_shape = (len(found.columns),)
        self.num_targets = int(not found.class_names)
        self.target_names = (self.target,) * self.num_targets
        for note in found.notes:
            self._warn(note)
        return found.parts

    def _read_parts(self) -> dict[Part, Samples]:
        """Read the files, and find out columns, kinds and classes."""
        known = self._known
        texts = _texts_of(known.columns) if known else self.categorical or ()
        table = self._read(self.path, texts)
        if not known:
            self._check_settings([cells.name for cells in table])
        table, target = self._divide(table, self.path)
        if len(target.values) == 1:
            raise ChecksumError(f"'{self.path}' has one row: there is nothing to learn.")
        if known:
            features = self._take_columns(table, known)
        else:
            choice = ColumnChoice(self.path, self.target, self.categorical, self.numeric)
            features, notes = choice.choose(table)
            for note in notes:
                self._warn(note)
            if not features:
                raise ChecksumError(
                    f"'{self.path}' has no column to learn from beside {self.target!r}."
                )
            self.columns = tuple(choice.describe(cells) for cells in features)
        self.input_shape = (len(features),)
        if known and known.class_names is not None:
            self.class_names = known.class_names
            self.num_targets = int(not known.class_names)
        else:
            self._find_task(target)
        self.target_names = (self.target,) * self.num_targets
        parts: dict[Part, Samples] = {"train": self._samples(features, target, self.path)}
        if not known:
            for note in choice.find_repeated_target(self.columns, parts["train"]):
                self._warn(note)
        if self.test_path is not None:
            texts = _texts_of(self.columns)
            of_target = [self.target] if target.kind == "text" else []
            table, target = self._divide(
                self._read(self.test_path, [*texts, *of_target]), self.test_path
            )
            parts["test"] = self._samples(table, target, self.test_path)
        return parts

    def _take_columns(self, table: Sequence[Cells], known: KnownTable) -> list[Cells]:
        """Return the columns that a net knows; one that is missing is refused."""
        self.columns = known.columns
        found = {cells.name: cells for cells in table}
        taken = {column.name for column in known.columns}
        for column in known.columns:
            if column.name not in found:
                raise ConfigError(
                    f"'{self.path}' has no column {column.name!r}, which {known.place} takes. "
                    f"{did_you_mean(column.name, found, taken)}"
                )
            unknown = set(found[column.name].texts) - {*column.categories}
            if column.kind == "categorical" and unknown and not column.has_other:
                self._warn(
                    f"Column {column.name!r} of '{self.path}' has {min(unknown)!r}, which "
                    f"{known.place} does not know: it takes it for an unknown category."
                )
        return [found[column.name] for column in known.columns]

    def _read(self, path: Path, texts: Sequence[str]) -> list[Cells]:
        rows, columns = estimate_size(path, self.separator)
        num_bytes = _COPIES * rows * columns * np.dtype(np.float32).itemsize
        size = f"About {rows:,} rows of {columns:,} columns in '{path}'"
        require_memory(num_bytes, size, "Leave out rows or columns.")
        if num_bytes >= _LARGE:
            print(f"{size}: to read them takes up to {num_bytes / 1e9:.1f} GB of memory.")
        return read_table(
            path,
            missing=self.missing or (),
            texts=texts,
            separator=self.separator,
            encoding=self.encoding,
        )

    def _check_settings(self, names: Sequence[str]) -> None:
        """Refuse settings that name a column which is not there, or name one twice."""
        listed = {key: getattr(self, key) or [] for key in ("drop", "categorical", "numeric")}
        used = {self.target, *chain(*listed.values())}
        for key, chosen in {"target": [self.target], **listed}.items():
            for name in chosen:
                if name not in names:
                    raise ConfigError(
                        f"data.source.{key} names {name!r}, which is no column of '{self.path}'. "
                        f"{did_you_mean(name, names, used)}"
                    )
        for name, num in Counter([self.target, *chain(*listed.values())]).items():
            if num > 1:
                raise ConfigError(
                    f"Column {name!r} is named by more than one of data.source.target, drop, "
                    "categorical and numeric."
                )

    def _divide(self, table: list[Cells], path: Path) -> tuple[list[Cells], Cells]:
        """Return the columns without the target, and the target, which all rows must have."""
        found = {cells.name: cells for cells in table}
        if (target := found.pop(self.target, None)) is None:
            hint = " Rows without it are predicted by mlp-lab infer." if self._known else ""
            raise ConfigError(f"'{path}' has no column {self.target!r}, which is the target.{hint}")
        if target.kind in ("date", "other"):
            raise ConfigError(
                f"The target {self.target!r} of '{path}' holds {name_kind(target)}; it must hold "
                "numbers, booleans or texts."
            )
        missing = target.is_missing
        if missing.all():
            raise ChecksumError(f"Column {self.target!r} of '{path}' has no value in any row.")
        if num := int(missing.sum()):
            rows = "1 row" if num == 1 else f"{num:,} rows"
            if self.no_target == "refuse":
                raise ChecksumError(
                    f"Column {self.target!r} of '{path}' is empty in {rows}, the first of them row "
                    f"{int(missing.argmax()) + 1}. --data.source.no_target drop leaves them out."
                )
            self._warn(f"{rows} of {len(missing):,} in '{path}' have no {self.target!r}: left out.")
        for name in self.drop or ():
            found.pop(name, None)
        return [*found.values()], target

    def _find_task(self, target: Cells) -> None:
        """Decide whether the target holds classes or numbers, and name the classes."""
        place = f"'{self.path}'"
        different = np.unique(target.values[~target.is_missing])
        task = self.task
        if task is None:
            few = target.is_whole and len(different) <= MOST_CLASSES
            task = "classification" if target.kind != "number" or few else "regression"
        if task == "regression":
            Column(self.target, "numeric").encode(target, place)
            if (largest := float(np.abs(different).max())) > LARGEST_TARGET:
                raise ChecksumError(
                    f"Column {self.target!r} of {place} reaches {largest:.0e}, too large for a "
                    f"loss in float32; {LARGEST_TARGET:.0e} is the most. Give it in another unit."
                )
            self.class_names, self.num_targets = (), 1
        elif target.kind == "number" and np.abs(different).max() >= EXACT:
            raise ConfigError(
                f"Column {self.target!r} of {place} holds classes that are numbers of "
                f"{EXACT:,} and more, which float32 cannot tell apart. Number them from 0, write "
                "them as texts, or set --data.source.task regression."
            )
        else:
            names = [target.texts[int(v)] for v in different] if target.texts else None
            self.class_names = tuple(names or (format_category(target, v) for v in different))
        if len(different) == 1:
            value = target.texts[0] if target.texts else format_category(target, different[0])
            raise ChecksumError(
                f"Column {self.target!r} of {place} is {value!r} in every row: there is nothing "
                "to learn."
            )

    def _samples(self, table: Sequence[Cells], target: Cells, path: Path) -> Samples:
        """Encode all rows, whose numbers errors name, and leave those without a target out."""
        place = f"'{path}'"
        inputs = encode(table, self.columns, place)
        if self.num_targets:
            labels = Column(self.target, "numeric").encode(target, place)[:, None]
        else:
            labels = Column(self.target, "categorical", self.class_names).encode(target, place)
            if (unknown := labels == len(self.class_names)).any():
                owner = self._known.place if self._known else f"'{self.path}'"
                raise ChecksumError(
                    f"Column {self.target!r} of {place} has a class in row "
                    f"{int(unknown.argmax()) + 1} that {owner} has not."
                )
        if (missing := target.is_missing).any():
            inputs, labels = inputs[~missing], labels[~missing]
        as_labels = torch.from_numpy(labels)
        return Samples(
            torch.from_numpy(inputs), as_labels if self.num_targets else as_labels.long()
        )

    def _warn(self, note: str) -> None:
        self._found.append(note)
        warnings.warn(note, MLPLabWarning, stacklevel=3)


def _texts_of(columns: Sequence[Column]) -> list[str]:
    """Return the names of the columns whose cells are texts, whatever they look like."""
    return [column.name for column in columns if column.kind == "categorical"]
