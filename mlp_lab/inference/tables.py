"""From files, frames and rows of a table to the inputs of a model. Imports no torch."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.inference.info import ModelInfo
from mlp_lab.tables import Cells, Column, encode, read_frame, read_table
from mlp_lab.tables.columns import format_category

_MOST_NAMED = 10
_MOST_COMPARED = 1000


@dataclass(frozen=True)
class TableOptions:
    """How files of tables are read for a model.

    Attributes:
        separator: What separates cells; by default as in the file that the model learned from.
        encoding: Encoding; by default as for the separator.
        id_column: A column that names the rows.
    """

    separator: str | None = None
    encoding: str | None = None
    id_column: str | None = None


AS_TRAINED = TableOptions()


@dataclass(frozen=True)
class TableInputs:
    """What a file of a table holds for a model.

    Attributes:
        inputs: As the model takes them, ``(N, D)``.
        labels: Class indices ``(N,)``, -1 where not known, or targets ``(N, 1)``, NaN where not
            known; None where the file has no column of them.
        ids: The texts of the column that names the rows; None without such a column.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[Any] | None
    ids: list[str] | None


def read_inputs(path: Path, info: ModelInfo, options: TableOptions) -> TableInputs:
    """Read a file for a model; what it has that the model does not know is named on the console.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: It is torn.
        ConfigError: A column is missing, or holds what cannot be encoded.
    """
    place = f"'{path}'"
    _check_takes_tables(info, place)
    given = {"separator": options.separator, "encoding": options.encoding}
    dialect = {**info.dialect, **{key: value for key, value in given.items() if value is not None}}
    texts = [column.name for column in info.columns if column.kind == "categorical"]
    if options.id_column is not None:
        texts.append(options.id_column)
    table = read_table(path, texts=texts, flags="--", **dialect)
    features = [cells for cells in table if cells.name != info.target]
    inputs = encode(features, info.columns, place, is_trained=True)
    _count_unknown(inputs, info.columns, place)
    known = {info.target, options.id_column, *(column.name for column in info.columns)}
    if ignored := [cells.name for cells in table if cells.name not in known]:
        dots = ", ..." if len(ignored) > _MOST_NAMED else ""
        names = ", ".join(ignored[:_MOST_NAMED])
        print(f"columns of {place} that the model does not take: {names}{dots}")
    ids = None if options.id_column is None else _texts_in(table, options.id_column, place)
    return TableInputs(inputs, _labels_of(table, info, place), ids)


def _count_unknown(inputs: NDArray[np.float32], columns: Sequence[Column], place: str) -> None:
    """Print how many cells of each column hold categories that the model does not know."""
    counts = {
        column.name: int((inputs[:, number] == len(column.categories)).sum())
        for number, column in enumerate(columns)
        if column.kind == "categorical"
    }
    found = [(name, num) for name, num in counts.items() if num]
    if found:
        (name, num), *others = found
        text = f"{num:,} cell{'s' if num > 1 else ''} of unknown categories in {name!r}"
        text += "".join(f", {num:,} in {name!r}" for name, num in others)
        print(f"{place} has {text}", file=sys.stderr)


def _texts_in(table: Sequence[Cells], name: str, place: str) -> list[str]:
    """Return the cells of a column as texts; empty for a missing one."""
    found = {cells.name: cells for cells in table}
    if name not in found:
        raise ConfigError(f"{place} has no column {name!r}. {did_you_mean(name, found)}")
    cells = found[name]
    if cells.texts:
        return ["" if np.isnan(code) else cells.texts[int(code)] for code in cells.values]
    return ["" if np.isnan(v) else format_category(cells, v) for v in cells.values.tolist()]


def _labels_of(table: Sequence[Cells], info: ModelInfo, place: str) -> NDArray[Any] | None:
    """Return what a table holds of the target; None where it has no such column or no value."""
    target = next((cells for cells in table if cells.name == info.target), None)
    if target is None or target.is_missing.all():
        return None
    if not info.class_names:
        column = Column(info.target, "numeric")
        try:
            return column.encode(target, place, is_trained=True)[:, None]
        except ConfigError as error:
            print(f"predicted without targets: {error}")
            return None
    column = Column(info.target, "categorical", info.class_names)
    codes = column.encode(target, place, is_trained=True)
    codes[np.isnan(codes) | (codes == len(info.class_names))] = -1
    return codes.astype(np.int64) if (codes >= 0).any() else None


def encode_frame(frame: Any, info: ModelInfo) -> NDArray[np.float32]:
    """Return the inputs of a model ``(N, D)`` from a frame of pandas or polars.

    Its columns may stand in any order, and it may have others too. Texts that the model's own file
    had for missing values are missing here too.

    Raises:
        ChecksumError: It has no rows, or two columns of one name.
        ConfigError: A column is missing, or holds what cannot be encoded.
    """
    _check_takes_tables(info, "The frame")
    table = read_frame(frame, "the frame", missing=info.dialect.get("missing", ()))
    return encode(table, info.columns, "the frame", is_trained=True)


def encode_rows(rows: object, info: ModelInfo) -> NDArray[np.float32]:
    """Return the inputs of a model ``(N, D)`` from rows as JSON has them.

    Args:
        rows: A list of objects with a value for each column by name: a number, a text, true or
            false, or null where it is missing. Other names are ignored.
        info: Of the model.

    Raises:
        ConfigError: They are no such rows, or a value that cannot be encoded.
    """
    import polars as pl

    _check_takes_tables(info, "A list of rows")
    if not isinstance(rows, list) or not rows:
        raise ConfigError("The rows must be a list of objects, one for each row.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ConfigError(f"Row {number} is {row!r:.60}; it must be an object.")
        for column in info.columns:
            if column.name not in row:
                raise ConfigError(
                    f"Row {number} has no {column.name!r}. A value that is missing is null."
                )
            if not isinstance(row[column.name], str | int | float | None):
                raise ConfigError(
                    f"Row {number} has {row[column.name]!r:.60} as {column.name!r}; a value is a "
                    "number, a text, true, false or null."
                )
    missing = {*info.dialect.get("missing", ()), None}
    series = []
    for column in info.columns:
        values = [row[column.name] for row in rows]
        plain = [None if value in missing else _as_float(value) for value in values]
        if any(isinstance(value, str) for value in plain):
            plain = [None if value is None else str(value) for value in plain]
        series.append(pl.Series(column.name, plain, strict=False))
    table = read_frame(pl.DataFrame(series), "the rows")
    return encode(table, info.columns, "the rows", is_trained=True)


def decode_row(inputs: NDArray[np.float32], info: ModelInfo) -> dict[str, object]:
    """Return a row as JSON has it from one input of a model: what ``encode_rows`` takes.

    A category that the model does not know is called ``other``.

    Shape:
        inputs ``(D,)``.
    """
    pairs = zip(info.columns, inputs.tolist(), strict=True)
    return {column.name: column.decode(value) for column, value in pairs}


def _as_float(value: object) -> object:
    """Return an integer, which JSON has of any size, as a float; anything else as it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def encode_csv(text: str, info: ModelInfo) -> NDArray[np.float32]:
    """Return the inputs of a model ``(N, D)`` from a CSV text, separated as the model's own file.

    Args:
        text: A line with the names of the columns, and one for each row.
        info: Of the model.

    Raises:
        ConfigError: A column that is missing, a row that does not fit the first line, or as
            ``encode_rows``.
    """
    separator = info.dialect.get("separator") or ","
    lines = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        names = [name.strip() for name in next(lines, [])]
        rows = [cells for cells in lines if cells]
    except csv.Error as error:
        raise ConfigError(f"The CSV cannot be read: {error}.") from error
    for number, cells in enumerate(rows, 1):
        if len(cells) != len(names):
            raise ConfigError(
                f"Row {number} of the CSV has {len(cells)} cells, and its first line {len(names)}."
            )
    found = {*names}
    taken = [column.name for column in info.columns]
    if rows and (absent := [name for name in taken if name not in found]):
        shown = [f"{name:.60}" for name in names[:_MOST_COMPARED]]  # of millions it takes minutes
        raise ConfigError(
            f"The CSV has no column {absent[0]!r}, read with {separator!r} between its cells. "
            f"{did_you_mean(absent[0], shown, taken)}"
        )
    return encode_rows([dict(zip(names, cells, strict=True)) for cells in rows], info)


def _check_takes_tables(info: ModelInfo, place: str) -> None:
    if not info.columns:
        raise ConfigError(
            f"{place} is a table, and the model takes {info.input_layout} of shape "
            f"{info.input_shape}."
        )
