"""Read CSV, TSV and Parquet files, and frames, column by column."""

import contextlib
import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import (
    ChecksumError,
    ConfigError,
    DatasetNotFoundError,
    did_you_mean,
    first_line,
)

if TYPE_CHECKING:  # half a second, and for tables alone
    import polars as pl

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
"""Endings of the files that are read."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")
"""What stands for a missing value in a text file."""

CellKind = Literal["number", "boolean", "text", "date", "other"]

_SEPARATORS = {";": "';'", "\t": "a tab, $'\\t'", "|": "'|'"}
_INFERRED_ROWS = 10_000
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Cells:
    """A column as it was read.

    Attributes:
        name: Its name.
        kind: What its cells are.
        values: Numbers, 0 and 1 of booleans, or indices into ``texts``, ``(N,)`` float32; NaN for a
            missing one.
        texts: The different texts, in ascending order.
        is_whole: Whether all its numbers are integers.
        type_name: What a file calls the type of what is no number and no text.
    """

    name: str
    kind: CellKind
    values: NDArray[np.float32]
    texts: tuple[str, ...] = ()
    is_whole: bool = False
    type_name: str = ""

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Whether a cell is empty, ``(N,)``."""
        return np.isnan(self.values)


def is_table(path: Path) -> bool:
    """Whether a file is read as a table, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def read_table(
    path: Path,
    *,
    missing: Sequence[str] = (),
    separator: str | None = None,
    encoding: str = "utf-8",
) -> list[Cells]:
    """Read all columns of a file.

    Args:
        path: A file whose name ends in one of SUFFIXES.
        missing: Texts that stand for a missing value, beside those of MISSING.
        separator: What separates cells; by default a comma, in ``.tsv`` a tab.
        encoding: Encoding of a text file.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: It is torn, has no rows, or a row that does not fit the header.
        ConfigError: Another separator or encoding than its own, or a kind of file that is not read.
    """
    if not path.is_file():
        raise DatasetNotFoundError(f"The table '{path}' is not there, or no file.")
    if not is_table(path):
        raise ConfigError(f"'{path}' is none of {', '.join(SUFFIXES)}.")
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
    else:
        separator = separator or _usual_separator(path)
        frame = _read_text(path, separator, encoding, [*MISSING, *missing])
    return _read_columns(frame, f"'{path}'")


def read_texts(
    path: Path, name: str, *, separator: str | None = None, encoding: str = "utf-8"
) -> list[str]:
    """Read a column of a file that ``read_table`` takes as the texts that stand there.

    Lines without anything at the file's end have a text too.

    Args:
        path: The file.
        name: The column.
        separator: As for ``read_table``.
        encoding: As for ``read_table``.

    Raises:
        ConfigError: There is no such column.
    """
    import polars as pl

    if path.suffix == ".parquet":
        frame = _read_parquet(path)
    else:
        frame = pl.read_csv(
            _text_source(path, encoding),
            separator=separator or _usual_separator(path),
            infer_schema=False,
            glob=False,
        )
    names = [name.strip() for name in frame.columns]
    if name not in names:
        raise ConfigError(f"'{path}' has no column {name!r}. {did_you_mean(name, names)}")
    texts: list[str] = frame.to_series(names.index(name)).cast(pl.String).fill_null("").to_list()
    return texts


def is_frame(value: object) -> bool:
    """Whether a value is a frame of pandas or polars."""
    kinds = {f"{k.__module__.partition('.')[0]}.{k.__name__}" for k in type(value).__mro__}
    return bool(kinds & {"pandas.DataFrame", "polars.DataFrame"})


def read_frame(frame: Any, place: str = "the frame", *, missing: Sequence[str] = ()) -> list[Cells]:
    """Read all columns of a frame of polars or pandas.

    Args:
        frame: The frame.
        place: What errors call it.
        missing: Texts that stand for a missing value.

    Raises:
        ChecksumError: It has no rows, or names that cannot be told apart.
        ConfigError: It is no frame.
    """
    import polars as pl

    if not is_frame(frame):
        raise ConfigError(f"{place} is {type(frame).__name__}, and no frame.")
    if not isinstance(frame, pl.DataFrame):
        frame = _from_pandas(frame, place)
    if missing:
        texts = pl.col(pl.String)
        frame = frame.with_columns(pl.when(~texts.is_in([*missing])).then(texts))
    return _read_columns(frame.clone(), place)


def _from_pandas(frame: Any, place: str) -> "pl.DataFrame":
    import polars as pl

    names = [str(name) for name in frame.columns]
    _check_names(names, place)
    series = []
    for index, name in enumerate(names):
        column = frame.iloc[:, index]
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufM":
            series.append(pl.Series(name, column.to_numpy()))
        else:  # whatever stands for a missing value there, polars has None alone
            values = column.astype(object).where(column.notna(), None).to_list()
            series.append(pl.Series(name, values, strict=False))
    return pl.DataFrame(series)


def _read_columns(frame: "pl.DataFrame", place: str) -> list[Cells]:
    """Read the columns of a frame, which is emptied on the way."""
    names = [name.strip() for name in frame.columns]
    _check_names(names, place)
    if not len(frame):
        raise ChecksumError(f"{place} has no rows.")
    return [
        _read_cells(frame.drop_in_place(old), name)  # so that a column is not in memory twice
        for old, name in zip(frame.columns, names, strict=True)
    ]


def _check_names(names: Sequence[str], place: str) -> None:
    for index, name in enumerate(names):
        if not name.strip():
            raise ChecksumError(f"Column {index + 1} of {place} has no name.")
    for name, num in Counter(name.strip() for name in names).items():
        if num > 1:
            raise ChecksumError(f"{place} has {num} columns called {name!r}.")


def _read_cells(column: "pl.Series", name: str) -> Cells:
    import polars as pl

    dtype = column.dtype
    if dtype == pl.Boolean or dtype.is_numeric():
        kind: CellKind = "boolean" if dtype == pl.Boolean else "number"
        values = column.cast(pl.Float32, strict=False).to_numpy(writable=True)
        return Cells(name, kind, values, is_whole=_are_whole(values))
    if dtype == pl.Null:
        return Cells(name, "text", np.full(len(column), np.nan, np.float32))
    if dtype.is_temporal() or not isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        other: CellKind = "date" if dtype.is_temporal() else "other"
        nothing = np.where(column.is_null().to_numpy(), np.nan, 0).astype(np.float32)
        return Cells(name, other, nothing, type_name=str(dtype))
    return _read_texts(column.cast(pl.Categorical), name)


def _are_whole(values: NDArray[np.float32]) -> bool:
    return bool((np.isnan(values) | (values == np.floor(values))).all())


def _read_texts(column: "pl.Series", name: str) -> Cells:
    """Number the texts of a column in ascending order; numbers or booleans among them count."""
    import polars as pl

    present = column.drop_nulls().unique()
    codes, texts = present.to_physical().to_numpy(), present.cast(pl.String).str.strip_chars()
    if not len(texts):
        return Cells(name, "text", np.full(len(column), np.nan, np.float32))
    numbers = texts.cast(pl.Float32, strict=False)
    lookup = np.full(int(codes.max()) + 1, np.nan, np.float32)
    are_numbers = numbers.null_count() == 0  # found late in a long column, or written with spaces
    kept = () if are_numbers else tuple(sorted(set(texts.to_list())))
    place = {text: index for index, text in enumerate(kept)}
    lookup[codes] = numbers.to_numpy() if are_numbers else [place[t] for t in texts.to_list()]
    physical = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    values = np.where(physical < 0, np.float32(np.nan), lookup[physical])
    if are_numbers:
        return Cells(name, "number", values, is_whole=_are_whole(values))
    return Cells(name, "text", values, kept)


def _read_parquet(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(path, glob=False)
    except Exception as error:  # a damaged file may confuse the reader in any way
        raise ChecksumError(f"'{path}' is torn, or no Parquet file: {first_line(error)}") from error


def _usual_separator(path: Path) -> str:
    return "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","


def _text_source(path: Path, encoding: str) -> Any:
    """Return what polars reads: the file, or its bytes in the one encoding that polars knows."""
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    return path if is_utf8 else io.BytesIO(_decoded(path, encoding).encode())


def _read_text(path: Path, separator: str, encoding: str, missing: list[str]) -> "pl.DataFrame":
    import polars as pl

    if len(separator) != 1 or not separator.isascii():
        raise ConfigError(f"separator is {separator!r}; it must be one character.")
    _check_header(path, separator, encoding)
    source = _text_source(path, encoding)
    arguments: dict[str, Any] = {
        "separator": separator,
        "null_values": missing,
        "try_parse_dates": True,
        "glob": False,
    }
    try:
        schema = pl.read_csv(source, n_rows=_INFERRED_ROWS, infer_schema_length=None, **arguments)
        overrides = {name: _lean(kind) for name, kind in schema.schema.items()}
        is_whole = len(schema) < _INFERRED_ROWS
        frame = schema if is_whole else _read_lean(source, overrides, arguments)
    except pl.exceptions.PolarsError as error:
        raise _explain(path, separator, encoding, error) from error
    *_, last = frame.columns
    if frame[last].null_count():  # it may be that a row ends early, which polars fills
        _check_rows(path, separator, encoding)
    # Lines without anything at the end are no rows.
    is_empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    num = len(frame) - int(is_empty.reverse().cum_prod().sum()) if len(frame) else 0
    return frame[:num]


def _read_lean(source: Any, overrides: dict[str, Any], arguments: dict[str, Any]) -> "pl.DataFrame":
    """Read numbers as they will be used; where the first rows misled, all rows decide."""
    import polars as pl

    try:
        return pl.read_csv(source, schema_overrides=overrides, **arguments)
    except pl.exceptions.ComputeError:
        return pl.read_csv(source, infer_schema_length=None, **arguments)


def _lean(kind: "pl.DataType") -> Any:
    import polars as pl

    if kind.is_numeric():
        return pl.Float32
    return pl.Categorical if kind == pl.String else kind


def _check_header(path: Path, separator: str, encoding: str) -> None:
    with _opened(path, encoding) as file:
        try:
            header = next(csv.reader(file, delimiter=separator), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise _explain(path, separator, encoding, error) from error
    if not header:
        raise ChecksumError(f"'{path}' is empty; its first line must name the columns.")
    if len(header) == 1:
        for other, text in _SEPARATORS.items():
            if other in header[0]:
                raise ConfigError(
                    f"'{path}' has one column with {separator!r} between its cells; they seem to "
                    f"be separated by {text}: add --data.source.separator, or --separator of infer."
                )
    _check_names(header, f"'{path}'")


def _explain(path: Path, separator: str, encoding: str, error: Exception) -> Exception:
    """Find the row that a reader stumbled over, and say what is the matter with it."""
    try:
        _check_rows(path, separator, encoding)
    except (ChecksumError, ConfigError) as found:
        return found
    return ChecksumError(f"'{path}' cannot be read as a table: {first_line(error):.200}")


def _check_rows(path: Path, separator: str, encoding: str) -> None:
    """Refuse a row that has not as many cells as the header."""
    with _opened(path, encoding) as file:
        rows = csv.reader(file, delimiter=separator, strict=True)
        row = 0
        try:
            width = len(next(rows))
            for row, cells in enumerate(rows, 1):
                if cells and len(cells) != width:
                    raise ChecksumError(
                        f"Row {row} of '{path}' has {len(cells)} cells, and the header {width}."
                    )
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"'{path}' is not in {encoding}, by its row {row + 1} or one after it: name the "
                "encoding, as with --data.source.encoding latin-1, or --encoding of infer."
            ) from error
        except csv.Error as error:
            raise ChecksumError(
                f"Row {row + 1} of '{path}' cannot be read: {error}. Is a quote not closed?"
            ) from error


@contextlib.contextmanager
def _opened(path: Path, encoding: str) -> Iterator[Any]:
    open_ = gzip.open if path.suffix.lower() == ".gz" else open
    encoding = "utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding
    try:
        with open_(path, "rt", encoding=encoding, newline="") as file:
            yield file
    except LookupError as error:
        raise ConfigError(f"There is no encoding {encoding!r}.") from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise ChecksumError(f"'{path}' is torn: {error}.") from error


def _decoded(path: Path, encoding: str) -> str:
    with _opened(path, encoding) as file:
        try:
            text: str = file.read()
        except UnicodeDecodeError as error:
            raise ConfigError(f"'{path}' is not in {encoding}: {error}.") from error
    return text
