"""What the columns of a table are, and how its cells become the numbers that a net takes."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, get_args

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, did_you_mean
from mlp_lab.tables.reading import Cells

_FORMATTED = re.compile(r"[-+]?[$€£]? ?(\d{1,3}([,.' ]\d{3})+|\d+)([.,]\d+)? ?[%$€£]?", re.ASCII)
_DATE = re.compile(
    r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d\d))([ T].*)?", re.ASCII
)

Kind = Literal["numeric", "boolean", "categorical"]


class PlainColumn(TypedDict):
    """A column in plain types; a parser of settings takes its texts for no more than texts."""

    name: str
    kind: str
    categories: list[str]
    has_missing: bool
    has_other: bool


@dataclass(frozen=True)
class Column:
    """A column that a net learns from.

    Attributes:
        name: Its name.
        kind: What its cells are.
        categories: The categories that are known, in the order of their codes 0, 1, ...; all others
            have the code behind the last of them. Empty for numbers and booleans.
        has_missing: Whether cells are missing in the training part.
        has_other: Whether the training part has categories that are too rare to be known.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    has_missing: bool = False
    has_other: bool = False

    def plain(self) -> PlainColumn:
        """Return the column in plain types."""
        return {
            "name": self.name,
            "kind": self.kind,
            "categories": list(self.categories),
            "has_missing": self.has_missing,
            "has_other": self.has_other,
        }

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "Column":
        """Check and take what a file holds.

        Raises:
            ChecksumError: It is no column.
        """
        values: dict[str, Any] = {key: content.get(key) for key in _CHECKS}
        if not all(_CHECKS[key](value) for key, value in values.items()):
            raise ChecksumError(f"a column is {content!r:.80}")
        return cls(**values | {"categories": tuple(values["categories"])})

    def encode(self, cells: Cells, place: str, *, is_trained: bool = False) -> NDArray[np.float32]:
        """Return numbers, 0 and 1, or codes of categories, ``(N,)``; NaN for a missing cell.

        Args:
            cells: A column as it was read.
            place: What errors call the table.
            is_trained: Whether a model takes them that has learned what stands for a missing value.

        Raises:
            ConfigError: Cells of another kind, or a number that is infinite or too large.
        """
        what = "texts" if self.kind == "categorical" else "numbers"
        if cells.kind in ("date", "other"):
            raise ConfigError(
                f"Column {self.name!r} of {place} holds {cells.type_name}; it must hold {what}."
            )
        if self.kind == "categorical":
            return self._codes(cells)
        if self.kind == "boolean" and cells.kind == "text":
            cells = _as_booleans(cells)
        if cells.kind == "text":
            refuse_texts_among_numbers(cells, place, is_trained=is_trained)
        if np.isinf(cells.values).any():
            row = int(np.isinf(cells.values).argmax()) + 1
            raise ConfigError(
                f"Column {self.name!r} of {place} has a number in row {row} that is infinite, or "
                "too large."
            )
        return cells.values

    def decode(self, value: float) -> float | bool | str | None:
        """Return a number, a truth or a category from what ``encode`` gives; None if missing."""
        if math.isnan(value):
            return None
        if self.kind == "categorical":
            return self.categories[int(value)] if value < len(self.categories) else "other"
        return bool(value) if self.kind == "boolean" else float(f"{value:.7g}")

    def _codes(self, cells: Cells) -> NDArray[np.float32]:
        place = {category: code for code, category in enumerate(self.categories)}
        other = len(self.categories)
        is_missing = cells.is_missing
        if cells.kind == "text":
            texts, values = cells.texts, np.nan_to_num(cells.values).astype(np.int64)
        else:
            numbers = np.unique(cells.values[~is_missing])
            texts = tuple(format_category(cells, number) for number in numbers.tolist())
            values = np.searchsorted(numbers, np.nan_to_num(cells.values)).clip(max=len(texts) - 1)
        codes = np.asarray([place.get(text, other) for text in texts] or [other], np.float32)
        return np.where(is_missing, np.float32(np.nan), codes[values])


_CHECKS: dict[str, Any] = {
    "name": lambda v: isinstance(v, str),
    "kind": lambda v: v in get_args(Kind),
    "categories": lambda v: isinstance(v, list) and all(isinstance(text, str) for text in v),
    "has_missing": lambda v: isinstance(v, bool),
    "has_other": lambda v: isinstance(v, bool),
}


def refuse_texts_among_numbers(cells: Cells, place: str, *, is_trained: bool = False) -> None:
    """Name the first text of a column that is no number; arguments as of ``Column.encode``.

    Raises:
        ConfigError: It has one.
    """
    are_none = np.isnan(cells.numbers)
    is_present = ~cells.is_missing
    if not (is_present.any() and are_none.any()):
        return
    codes = np.nan_to_num(cells.values).astype(np.int64)
    row = int((is_present & are_none[codes]).argmax())
    text = cells.texts[codes[row]]
    advice = "Correct it"
    if is_formatted_number(text):
        advice = "Write it with a decimal point, and without units and thousands separators"
    elif not is_trained:
        advice += "; if it stands for a missing value, add it to data.source.missing"
    raise ConfigError(
        f"Column {cells.name!r} of {place} holds numbers, and {text!r:.60} in row {row + 1}. "
        f"{advice}."
    )


def is_formatted_number(text: str) -> bool:
    """Whether a text is a number to a reader, with a unit, a decimal comma or separators.

    Example:
        >>> [is_formatted_number(text) for text in ("1,234.50", "5,0", "$3", "4 %", "1,2,3", "A1")]
        [True, True, True, True, False, False]
    """
    return _FORMATTED.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether a text is a date, in whatever order.

    Example:
        >>> [is_date(text) for text in ("1/31/2020", "31.1.20", "2020-01-31T10:00", "10-20")]
        [True, True, True, False]
    """
    return _DATE.fullmatch(text) is not None


def _as_booleans(cells: Cells) -> Cells:
    """Return booleans for a column of True and False, which not every reader takes for such."""
    truths = [{"true": 1.0, "false": 0.0}.get(text.lower()) for text in cells.texts]
    if None in truths:
        return cells
    values = np.full(len(cells.values), np.nan, np.float32)
    present = ~cells.is_missing
    values[present] = np.asarray(truths, np.float32)[cells.values[present].astype(np.int64)]
    return replace(cells, kind="boolean", values=values, texts=())


def format_category(cells: Cells, number: float) -> str:
    """Return the name of a category of numbers or booleans."""
    if cells.kind == "boolean":
        return "True" if number else "False"
    return f"{number:.0f}" if cells.is_whole else f"{number:.7g}"


def categories_of(cells: Cells) -> tuple[str, ...]:
    """Return the names of all categories of a column, in ascending order."""
    present = np.unique(cells.values[~cells.is_missing])
    return cells.texts or tuple(format_category(cells, value) for value in present)


def encode(
    table: Sequence[Cells], columns: Sequence[Column], place: str, *, is_trained: bool = False
) -> NDArray[np.float32]:
    """Return what a net takes, from the columns of a table in any order.

    The arguments are those of ``Column.encode``.

    Shape:
        result ``(N, D)`` float32.

    Raises:
        ConfigError: A column is missing, or holds what cannot be encoded.
    """
    found = {cells.name: cells for cells in table}
    taken = {column.name for column in columns}
    for column in columns:
        if column.name not in found:
            hint = did_you_mean(column.name, found, taken)
            raise ConfigError(f"{place} has no column {column.name!r}. {hint}")
    encoded = np.empty((len(table[0].values), len(columns)), np.float32)
    for index, column in enumerate(columns):
        encoded[:, index] = column.encode(found[column.name], place, is_trained=is_trained)
    return encoded
