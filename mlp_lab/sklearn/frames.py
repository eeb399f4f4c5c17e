"""Frames with categories and missing values as what a net for tables takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.tables import Cells, Column, encode, is_frame, read_frame
from mlp_lab.tables.columns import categories_of


def is_mixed(inputs: Any) -> bool:
    """Whether inputs are a frame that holds more than numbers: texts, categories, or no value."""
    if not is_frame(inputs):
        return False
    if hasattr(inputs, "iloc"):
        is_plain = all(getattr(dtype, "kind", "O") in "biuf" for dtype in inputs.dtypes)
        return not is_plain or bool(inputs.isna().any(axis=None))
    is_plain = all(dtype.is_numeric() or str(dtype) == "Boolean" for dtype in inputs.dtypes)
    return not is_plain or any(
        column.null_count() or (column.dtype.is_float() and column.is_nan().any())
        for column in inputs.get_columns()
    )


def learn_frame(frame: Any) -> tuple[list[Column], NDArray[np.float32]]:
    """Return the columns of a frame with all their categories, and its cells ``(N, D)``.

    Texts are categories, and so is whatever the frame itself has as such.

    Raises:
        ValueError: A column of dates, lists and the like, or a number that is not finite.
    """
    table = _read(frame)
    names = [str(dtype) for dtype in frame.dtypes]
    are_categories = [name.startswith(("category", "Categorical", "Enum")) for name in names]
    columns = [_describe(*pair) for pair in zip(table, are_categories, strict=True)]
    return columns, encode(table, columns, "X")


def encode_frame(frame: Any, columns: Sequence[Column]) -> NDArray[np.float32]:
    """Return the cells of a frame ``(N, D)`` by the columns that were learned from.

    Raises:
        ValueError: It is no frame, or has cells of another kind.
    """
    if not is_frame(frame):
        raise ValueError(
            f"X is {type(frame).__name__}; it must be a frame with the columns that were fitted, "
            "some of which are categories or have missing values."
        )
    return encode(_read(frame), columns, "X", is_trained=True)


def _read(frame: Any) -> list[Cells]:
    try:
        return read_frame(frame, "X")
    except ChecksumError as error:  # which is of a file
        raise ValueError(str(error)) from error


def _describe(cells: Cells, is_category: bool) -> Column:
    if cells.kind in ("date", "other"):
        raise ValueError(
            f"Column {cells.name!r} of X holds {cells.type_name}; it must hold numbers, booleans "
            "or texts."
        )
    if cells.kind != "text" and not is_category:
        return Column(cells.name, "boolean" if cells.kind == "boolean" else "numeric")
    return Column(cells.name, "categorical", categories_of(cells))
