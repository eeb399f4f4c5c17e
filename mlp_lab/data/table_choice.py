"""Which columns of a table may teach something, and what each of them is."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import yaml
from numpy.typing import NDArray

from mlp_lab.data.source import Samples
from mlp_lab.errors import ConfigError, quote_flag
from mlp_lab.tables import Cells, Column
from mlp_lab.tables.columns import (
    categories_of,
    is_date,
    is_formatted_number,
    refuse_texts_among_numbers,
)

MOST_CLASSES = 20  # of integers; more are numbers to be predicted
EXACT = 2**24  # below it float32 has every integer

_MOST_VALUES = 50  # of a column that may repeat the target
_ID_SHARE = 0.5  # of a column's cells that differ, above which its texts are no categories
_DIFFERS = "of texts most of which differ"
_NUMBERS_ROWS = "that numbers its rows"
_KEPT_BY = {_DIFFERS: "categorical", _NUMBERS_ROWS: "numeric"}
_MOST_NAMED = 5
_BEGINNING = 1000


class ColumnChoice:
    """Choose among the columns of a table, which no net knows yet.

    Args:
        path: The file, which errors name.
        target: The column to be predicted.
        categorical: Columns whose cells are categories, whatever they look like.
        numeric: Columns whose cells are numbers.
    """

    def __init__(
        self,
        path: Path,
        target: str,
        categorical: Sequence[str] | None,
        numeric: Sequence[str] | None,
    ) -> None:
        self._path = path
        self._target = target
        self._categorical = categorical or ()
        self._numeric = numeric or ()

    def choose(self, table: Sequence[Cells]) -> tuple[list[Cells], list[str]]:
        """Return the columns that may teach something, and what a reader should know of the others.

        Raises:
            ConfigError: A column of dates or lists.
            ChecksumError: A column of numbers with texts among them.
        """
        left_out: dict[str, list[str]] = {}
        features = []
        for cells in table:
            if (why := self._why_left_out(cells)) is None:
                features.append(cells)
            else:
                left_out.setdefault(why, []).append(cells.name)
        notes = []
        for why, names in left_out.items():
            keeps = f" data.source.{_KEPT_BY[why]} keeps it." if why in _KEPT_BY else ""
            notes.append(f"'{self._path}' has {_list_columns(names)} {why}: left out.{keeps}")
        return features, notes

    def _why_left_out(self, cells: Cells) -> str | None:
        """Return why a column teaches nothing, if so; one of dates or lists is refused."""
        if cells.kind in ("date", "other"):
            self._refuse_kind(cells, name_kind(cells))
        present = cells.values[~cells.is_missing]
        if not len(present):
            return "without a value in any row"
        if len(present) == len(cells.values) and present.min() == present.max():
            exact = "" if abs(present[0]) < EXACT else ", as float32 has it,"
            return f"with the same value{exact} in every row"
        if cells.name in (*self._categorical, *self._numeric):
            return None
        if cells.kind == "text":
            self._refuse_mixed(cells)
            num = len(np.unique(present))
            if num > max(MOST_CLASSES, _ID_SHARE * len(present)):
                return _DIFFERS
        elif cells.is_whole and _counts_rows(present):
            return _NUMBERS_ROWS
        return None

    def _refuse_kind(self, cells: Cells, what: str) -> NoReturn:
        raise ConfigError(
            f"Column {cells.name!r} of '{self._path}' holds {what}, which no net takes. Turn it "
            f"into numbers, or leave it out by {_drop_flag(cells.name)}."
        )

    def _refuse_mixed(self, cells: Cells) -> None:
        """Refuse dates and numbers that were read as texts, and texts among numbers."""
        counts = np.bincount(
            cells.values[~cells.is_missing].astype(np.int64), minlength=len(cells.texts)
        )
        most = _ID_SHARE * counts.sum()
        if counts[[is_date(text) for text in cells.texts]].sum() > most:
            self._refuse_kind(cells, "dates")
        are_numbers = ~np.isnan(cells.numbers)
        are_formatted = np.array([is_formatted_number(text) for text in cells.texts])
        if counts[are_numbers | are_formatted].sum() > most:
            refuse_texts_among_numbers(cells, f"'{self._path}'")

    def describe(self, cells: Cells) -> Column:
        """Return a column with all categories that the file has."""
        if cells.name in self._numeric:
            return Column(cells.name, "numeric")
        if cells.kind == "text" or cells.name in self._categorical:
            return Column(cells.name, "categorical", categories_of(cells))
        return Column(cells.name, "boolean" if cells.kind == "boolean" else "numeric")

    def find_repeated_target(self, columns: Sequence[Column], samples: Samples) -> Iterator[str]:
        """Yield a warning of each column whose every value stands beside one value of the target.

        Args:
            columns: The D columns.
            samples: Their rows, inputs ``(N, D)``.
        """
        targets = samples.labels.numpy().reshape(-1)
        most = min(_MOST_VALUES, len(targets) // 2)
        for column, values in zip(columns, samples.inputs.numpy().T, strict=True):
            if len(np.unique(values[:_BEGINNING])) > most:
                continue
            different, groups = np.unique(values, return_inverse=True)
            if not 1 < len(different) <= most:
                continue
            lowest = np.full(len(different), targets.max())
            highest = np.full(len(different), targets.min())
            np.minimum.at(lowest, groups, targets)
            np.maximum.at(highest, groups, targets)
            if (lowest == highest).all():
                yield (
                    f"Column {column.name!r} of '{self._path}' determines the target "
                    f"{self._target!r}: where it only repeats it, leave it out by "
                    f"{_drop_flag(column.name)}."
                )


def name_kind(cells: Cells) -> str:
    """Return in words what cells hold that no feature can."""
    return "dates" if cells.kind == "date" else cells.type_name


def _drop_flag(name: str) -> str:
    """Return the flag that leaves a column out, as it is typed."""
    return quote_flag("--data.source.drop", f"[{_as_item(name)}]")


def _as_item(name: str) -> str:
    """Return a name as an item of a list, in quotes where YAML takes it for something else."""
    try:
        is_plain = yaml.safe_load(f"[{name}]") == [name]
    except yaml.YAMLError:
        is_plain = False
    return name if is_plain else json.dumps(name, ensure_ascii=False)


def _list_columns(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMED]))
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{'a column' if len(names) == 1 else f'{len(names):,} columns'}, {shown}{more},"


def _counts_rows(numbers: NDArray[np.float32]) -> bool:
    """Whether numbers are 0, 1, 2 and so on from some start, each once."""
    return bool(len(numbers) > 2 and (np.diff(numbers) == 1).all())
