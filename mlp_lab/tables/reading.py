"""Read CSV, TSV and Parquet files, and frames, column by column."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, first_line
from mlp_lab.tables.text_file import check_names, estimate_text_size, read_text

if TYPE_CHECKING:  # half a second, and for tables alone
    import polars as pl

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
"""Endings of the files that are read."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")
"""What stands for a missing value, wherever a cell is text."""

CellKind = Literal["number", "boolean", "text", "date", "other"]

_BOOLEANS = ("false", "true")
_PANDAS_INDEX = "__index_level_"  # what its Parquet files call an index without a name


@dataclass(frozen=True)
class Cells:
    """A column as it was read.

    Attributes:
        name: Its name.
        kind: What its cells are.
        values: Numbers, 0 and 1 of booleans, or indices into ``texts``, ``(N,)`` float32; NaN for a
            missing one.
        texts: The different texts, in ascending order.
        numbers: The texts as numbers, NaN for one that is none.
        is_whole: Whether all its numbers are integers.
        type_name: What a file calls the type of what is no number and no text.
    """

    name: str
    kind: CellKind
    values: NDArray[np.float32]
    texts: tuple[str, ...] = ()
    numbers: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
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
    texts: Collection[str] = (),
    separator: str | None = None,
    encoding: str = "utf-8",
    flags: str = "--data.source.",
) -> list[Cells]:
    """Read all columns of a file.

    Rows are numbered from 1, without the header and without blank lines.

    Args:
        path: A file whose name ends in one of SUFFIXES.
        missing: Texts that stand for a missing value, beside those of MISSING.
        texts: Names of columns of a text file that hold texts, whatever they look like.
        separator: What separates cells; by default a comma, in ``.tsv`` a tab.
        encoding: Encoding of a text file.
        flags: How the flags begin that errors advise, before ``separator`` and ``encoding``.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: It is torn, has no rows, or a row that does not fit the header.
        ConfigError: Another separator or encoding than its own, or a kind of file that is not read.
    """
    _check_file(path)
    all_missing = (*MISSING, *missing)
    if _is_parquet(path):
        columns = _read_parquet(path).get_columns()
    else:
        columns = read_text(path, separator, encoding, all_missing, texts, flags).get_columns()
    return _read_columns(columns, f"'{path}'", all_missing, texts)


def estimate_size(path: Path, separator: str | None = None) -> tuple[int, int]:
    """Return how many rows and columns a file has, of a text file about, without reading it whole.

    Raises:
        DatasetNotFoundError: There is no such file.
        ChecksumError: It is torn.
        ConfigError: A kind of file that is not read.
    """
    import polars as pl

    _check_file(path)
    if not _is_parquet(path):
        return estimate_text_size(path, separator)
    try:
        lazy = pl.scan_parquet(path, glob=False)
        return lazy.select(pl.len()).collect().item(), len(lazy.collect_schema())
    except (Exception, pl.exceptions.PanicException) as error:  # damage confuses it in any way
        raise _explain_parquet(path, error) from error


def is_frame(value: object) -> bool:
    """Whether a value is a frame of pandas or polars, neither of which is imported for it."""
    kinds = {f"{k.__module__.partition('.')[0]}.{k.__name__}" for k in type(value).__mro__}
    return bool(kinds & {"pandas.DataFrame", "polars.DataFrame"})


def read_frame(
    frame: Any,
    place: str = "the frame",
    *,
    missing: Sequence[str] = (),
    texts: Collection[str] = (),
) -> list[Cells]:
    """Read all columns of a frame of polars or pandas.

    Args:
        frame: The frame.
        place: What errors call it.
        missing: Texts that stand for a missing value, beside those of MISSING.
        texts: Names of columns whose integers are read as text.

    Raises:
        ChecksumError: It has no rows, or two columns of one name.
        ConfigError: It is no frame.
    """
    import polars as pl

    if not is_frame(frame):
        raise ConfigError(f"{place} is {type(frame).__name__}, and no frame.")
    if isinstance(frame, pl.DataFrame):
        columns = frame.get_columns()
    else:
        columns = [
            _from_pandas(frame.iloc[:, index]).alias(str(name))
            for index, name in enumerate(frame.columns)
        ]
    return _read_columns(columns, place, (*MISSING, *missing), texts)


def _from_pandas(series: Any) -> "pl.Series":
    import polars as pl

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return pl.Series(series.to_numpy())
    return pl.Series(series.astype(object).where(series.notna(), None).to_list(), strict=False)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DatasetNotFoundError(f"The table '{path}' is not there, or no file.")
    if not is_table(path):
        raise ConfigError(f"'{path}' is none of {', '.join(SUFFIXES)}.")


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _read_parquet(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False)
    except (Exception, pl.exceptions.PanicException) as error:  # damage confuses it in any way
        raise _explain_parquet(path, error) from error
    return frame.select(name for name in frame.columns if not name.startswith(_PANDAS_INDEX))


def _explain_parquet(path: Path, error: BaseException) -> ChecksumError:
    return ChecksumError(f"'{path}' is torn, or no Parquet file: {first_line(error):.200}")


def _read_columns(
    columns: "list[pl.Series]", place: str, missing: Collection[str], texts: Collection[str]
) -> list[Cells]:
    """Read columns, and let go of each, so that none is in memory twice."""
    names = [column.name.strip() for column in columns]
    check_names(names, place)
    if not (columns and len(columns[0])):
        raise ChecksumError(f"{place} has no rows.")
    columns.reverse()
    return [_read_cells(columns.pop(), name, missing, is_text=name in texts) for name in names]


def _read_cells(
    column: "pl.Series", name: str, missing: Collection[str], *, is_text: bool
) -> Cells:
    import polars as pl

    dtype = column.dtype
    if dtype.is_integer() and is_text:
        column = column.cast(pl.String)
    elif dtype.is_numeric():
        return _numbers(name, column.cast(pl.Float32, strict=False).to_numpy(writable=True))
    elif dtype == pl.Boolean:
        return Cells(name, "boolean", column.cast(pl.Float32).to_numpy(writable=True))
    elif dtype == pl.Null:
        return Cells(name, "text", np.full(len(column), np.nan, np.float32))
    elif not isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        kind: CellKind = "date" if dtype.is_temporal() else "other"
        nothing = np.where(column.is_null().to_numpy(), np.nan, 0).astype(np.float32)
        return Cells(name, kind, nothing, type_name=str(dtype))
    elif dtype == pl.String and not is_text:  # without a look at each different number
        present = column.str.strip_chars().replace(dict.fromkeys(missing))
        numbers = present.cast(pl.Float32, strict=False)
        if numbers.null_count() == present.null_count() < len(column):
            return _numbers(name, numbers.to_numpy(writable=True))
    return _read_texts(column.cast(pl.Categorical), name, missing, is_text=is_text)


def _numbers(name: str, values: NDArray[np.float32]) -> Cells:
    present = values[~np.isnan(values)]
    is_whole = bool((np.isfinite(present) & (present == np.floor(present))).all())
    return Cells(name, "number", values, is_whole=is_whole)


def _read_texts(
    column: "pl.Series", name: str, missing: Collection[str], *, is_text: bool
) -> Cells:
    """Number the texts of a column in ascending order, without the spaces around them.

    Numbers and booleans among texts are found where all are: late in a long column, or in spaces.
    """
    import polars as pl

    codes = column.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    present = column.drop_nulls().unique()
    stripped = present.cast(pl.String).str.strip_chars().to_list()
    texts = sorted({*stripped} - {*missing})
    numbers = pl.Series(texts, dtype=pl.String).cast(pl.Float32, strict=False).to_numpy()
    are_booleans = bool(texts) and not is_text and {text.lower() for text in texts} <= {*_BOOLEANS}
    are_numbers = bool(texts) and not is_text and not np.isnan(numbers).any()
    if are_booleans:
        value_of = {text: float(_BOOLEANS.index(text.lower())) for text in texts}
    elif are_numbers:
        value_of = dict(zip(texts, numbers.tolist(), strict=True))
    else:
        value_of = {text: float(code) for code, text in enumerate(texts)}
    # One place more, which the code -1 of a missing cell means.
    lookup = np.full(max(codes.max(initial=0), 0) + 2, np.nan, np.float32)
    lookup[present.to_physical().to_numpy()] = [value_of.get(t, np.nan) for t in stripped]
    values = lookup[codes]
    if are_booleans:
        return Cells(name, "boolean", values)
    if are_numbers:
        return _numbers(name, values)
    return Cells(name, "text", values, tuple(texts), numbers)
