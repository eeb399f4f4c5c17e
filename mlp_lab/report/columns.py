"""The columns of a table in a report and a model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlp_lab.tables import Column

_MOST_NAMED = 20
_SCALINGS = {
    "standard": "scaled to mean 0 and variance 1",
    "quantile": "scaled by rank to a normal distribution",
}


@dataclass(frozen=True)
class ColumnRow:
    """What a reader learns of a column.

    Attributes:
        name: Its name.
        kind: What its cells are.
        categories: The known ones, of many the first.
        encoding: How the net encodes it; empty where that is not known.
    """

    name: str
    kind: str
    categories: str
    encoding: str


def describe_columns(columns: Sequence[Column], encoding: Mapping[str, Any]) -> list[ColumnRow]:
    """Describe columns and how they are encoded.

    Args:
        columns: The columns.
        encoding: Arguments of their TableEncoding; empty where they are not known.
    """
    return [
        ColumnRow(
            column.name,
            column.kind,
            _format_categories(column.categories),
            _describe_encoding(column, encoding) if encoding else "",
        )
        for column in columns
    ]


def _format_categories(categories: Sequence[str]) -> str:
    more = len(categories) - _MOST_NAMED
    return ", ".join(categories[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _describe_encoding(column: Column, encoding: Mapping[str, Any]) -> str:
    if column.kind != "categorical":
        scaling = str(encoding.get("scaling"))
        missing = ", and a 1 beside it" if column.has_missing else ""
        return f"{_SCALINGS.get(scaling, scaling)}; the median where missing{missing}"
    if len(column.categories) > encoding.get("one_hot_up_to", 0):
        return "a learned vector for each, for all others, and for a missing one"
    found = {"all others": column.has_other, "a missing one": column.has_missing}
    own = [name for name, is_there in found.items() if is_there]
    none = [name for name, is_there in found.items() if not is_there]
    text = "one-hot" + (f", with a place for {' and for '.join(own)}" if own else "")
    return text + (f"; {' and '.join(none)}: 0 throughout" if none else "")
