"""Read CSV and TSV files, and find the row of one that cannot be read."""

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlp_lab.errors import ChecksumError, ConfigError, first_line

if TYPE_CHECKING:  # half a second, and for tables alone
    import polars as pl

_SEPARATORS = ";\t|,"  # the comma last, since names and numbers have it too
_INFERRED_ROWS = 10_000
_BEGINNING = 2**20
_EXACT = 2**24  # up to here float32 has every integer


def read_text(
    path: Path,
    separator: str | None,
    encoding: str,
    missing: Sequence[str],
    texts: Collection[str],
    flags: str,
) -> "pl.DataFrame":
    """Read a file of cells in lines; lines without a character are no rows.

    Args:
        path: The file, which may be gzipped.
        separator: What separates cells; by default a comma, in ``.tsv`` a tab.
        encoding: Its encoding.
        missing: Texts that stand for a missing value.
        texts: Names of columns that are read as text, whatever they look like.
        flags: How the flags begin by which separator and encoding are typed.

    Raises:
        ChecksumError: It is torn, or has a row that does not fit the header.
        ConfigError: Another separator or encoding than its own.
    """
    import polars as pl

    separator = separator_of(path, separator, flags)
    rows = _Rows(path, separator, encoding, flags)
    rows.check_header()
    arguments: dict[str, Any] = {
        "separator": separator,
        "null_values": list(missing),
        "schema_overrides": {n: pl.String for n in rows.header if n.strip() in texts},
        "try_parse_dates": True,
        "glob": False,
    }
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    source: Any = path if is_utf8 else io.BytesIO(rows.encoded(keep_blank=True))
    frame = _read(source, arguments, rows)
    if frame.select(pl.all_horizontal(pl.all().is_null()).any()).item():  # perhaps a blank line
        frame = _read(io.BytesIO(rows.encoded(keep_blank=False)), arguments, rows)
    if frame[:, -1].null_count():  # it may be that a row ends early, which polars fills
        rows.check_widths()
    return frame


def _read(source: Any, arguments: dict[str, Any], rows: "_Rows") -> "pl.DataFrame":
    import polars as pl

    num = _INFERRED_ROWS
    try:
        try:
            first = pl.read_csv(source, n_rows=num, infer_schema_length=num, **arguments)
            if len(first) < num:
                return first
            lean = arguments | {"schema_overrides": {s.name: _lean_type(s) for s in first}}
            return pl.read_csv(source, **lean)
        except (
            pl.exceptions.ComputeError
        ):  # the first rows mislead: what is a number is found later
            return pl.read_csv(source, infer_schema=False, **arguments)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise rows.explain(error) from error


def _lean_type(column: "pl.Series") -> Any:
    """Return the type that a column takes least memory in, without a loss."""
    import polars as pl

    if column.dtype.is_float() or (column.dtype.is_integer() and _are_small(column)):
        return pl.Float32
    return pl.Categorical if column.dtype == pl.String else column.dtype


def _are_small(column: "pl.Series") -> bool:
    return bool((column.drop_nulls().abs() < _EXACT).all())


def estimate_text_size(path: Path, separator: str | None) -> tuple[int, int]:
    """Return about how many rows and columns a file has, from the first of them.

    Raises:
        ChecksumError: It is torn.
    """
    size = path.stat().st_size
    with _opened(path, "rb") as file:
        beginning = file.read(_BEGINNING)
        if path.suffix.lower() == ".gz":  # as much of the content for each of the file's bytes
            size = int(size * len(beginning) / max(1, file.fileobj.tell()))
    columns = beginning.partition(b"\n")[0].count(separator_of(path, separator).encode()) + 1
    return int(size * beginning.count(b"\n") / max(1, len(beginning))), columns


def separator_of(path: Path, separator: str | None, flags: str = "--data.source.") -> str:
    """Return what separates cells: by default a comma, in ``.tsv`` a tab.

    Raises:
        ConfigError: It is not one character, or none that can separate.
    """
    if separator is None:
        return "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n':
        key = f"{flags}separator".removeprefix("--")
        raise ConfigError(f"{key} is {separator!r}; it must be one character.")
    return separator


class _Rows:
    """The rows of a file as Python's reader has them, which is slow, and names what is wrong."""

    def __init__(self, path: Path, separator: str, encoding: str, flags: str) -> None:
        self.path = path
        self.separator = separator
        self.encoding = encoding
        self.flags = flags
        self.header: list[str] = []

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the cells of each row with at least one, the header first."""
        row = 0
        try:
            with self._decoded() as file:
                for cells in csv.reader(file, delimiter=self.separator, strict=True):
                    if cells or not row:
                        yield cells
                        row += 1
        except csv.Error as error:
            where = f"Row {row} of" if row else "The header of"
            raise ChecksumError(
                f"{where} '{self.path}' cannot be read: {error}. Is a quote not closed?"
            ) from error

    @contextlib.contextmanager
    def _decoded(self) -> Iterator[Any]:
        """Open the file as text; what is not in its encoding is one sentence."""
        try:
            with _opened(self.path, "rt", encoding=self._codec, newline="") as file:
                yield file
        except UnicodeDecodeError as error:
            raise self._explain_encoding() from error
        except UnicodeError as error:  # such as UTF-16 without its mark
            raise ConfigError(f"'{self.path}' is not in {self.encoding}: {error}.") from error

    @property
    def _codec(self) -> str:
        try:
            name = codecs.lookup(self.encoding).name
        except LookupError as error:
            raise ConfigError(
                f"{self.flags.removeprefix('--')}encoding is {self.encoding!r}, which is no "
                "encoding. Try latin-1."
            ) from error
        return "utf-8-sig" if name == "utf-8" else name

    def check_header(self) -> None:
        """Read the header, and refuse one that does not name the columns."""
        self._check_line_ends()
        self._check_separator()
        self.header = next(iter(self), [])
        if not self.header:
            raise ChecksumError(
                f"The first line of '{self.path}' is empty; it must name the columns."
            )
        check_names(self.header, f"'{self.path}'")

    def _check_line_ends(self) -> None:
        with _opened(self.path, "rb") as file:
            beginning = file.read(_BEGINNING)
        if b"\r" in beginning and b"\n" not in beginning:
            raise ChecksumError(
                f"The lines of '{self.path}' end in CR alone. Save it with lines that end in LF."
            )

    def _check_separator(self) -> None:
        """Refuse a file whose first lines have another separator, and not this one.

        Lines are looked at as they stand: with another separator their quotes are no quotes.
        """
        with self._decoded() as file:
            header, row = file.readline(), file.readline().strip("\r\n")
        if self.separator in header:
            return
        for other in _SEPARATORS:
            if other in header and (other in row or not row):
                name, typed = ("a tab", "$'\\t'") if other == "\t" else (repr(other), f"'{other}'")
                raise ConfigError(
                    f"'{self.path}' has one column with {self.separator!r} between its cells; they "
                    f"seem to be separated by {name}: add {self.flags}separator={typed}."
                )

    def check_widths(self) -> None:
        """Refuse a row that has not as many cells as the header."""
        for row, cells in enumerate(self):
            if len(cells) != len(self.header):
                cell = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
                raise ChecksumError(
                    f"Row {row} of '{self.path}' has {cell}, and the header {len(self.header)}."
                )

    def encoded(self, *, keep_blank: bool) -> bytes:
        """Return the content in UTF-8, with or without blank lines."""
        text = io.StringIO(newline="")
        if keep_blank:
            with self._decoded() as file:
                text.write(file.read())
        else:
            csv.writer(text, delimiter=self.separator).writerows(self)
        return text.getvalue().encode()

    def explain(self, error: BaseException) -> Exception:
        """Find the row that a reader stumbled over, and say what is the matter with it."""
        try:
            self.check_widths()
            for row, cells in enumerate(self):
                for name, cell in zip(self.header, cells, strict=True):
                    if '"' in cell:
                        return ChecksumError(
                            f"'{self.path}' cannot be read, perhaps for the quote in row {row}, "
                            f"column {name!r}. Around a cell with a quote belong quotes, and in it "
                            'two for one: "5\'11"""'
                        )
        except (ChecksumError, ConfigError) as found:
            return found
        return ChecksumError(f"'{self.path}' cannot be read: {first_line(error):.200}")

    def _explain_encoding(self) -> ConfigError:
        """Name the first row that is not in the encoding, and one that it may be in."""
        with _opened(self.path, "rb") as file:
            is_utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        where, other = "", "utf-16" if is_utf16 else "latin-1"
        if not is_utf16:
            with _opened(
                self.path, "rt", encoding=self._codec, errors="surrogateescape", newline=""
            ) as file:
                row = 0
                for cells in csv.reader(file, delimiter=self.separator):
                    strange = [c for c in "".join(cells) if "\ud800" <= c <= "\udfff"]
                    if strange:
                        where = f", by its row {row}" if row else ", by its header"
                        # Bytes that are letters in Windows' encoding, and nothing in Latin-1.
                        other = "cp1252" if min(strange) < "\udca0" else other
                        break
                    row += bool(cells)
        return ConfigError(
            f"'{self.path}' is not in {self.encoding}{where}: name the encoding, as with "
            f"{self.flags}encoding {other}."
        )


def check_names(names: Sequence[str], place: str) -> None:
    """Refuse names of columns that cannot be told apart.

    Raises:
        ChecksumError: One is empty, or two are the same.
    """
    seen: set[str] = set()
    for index, name in enumerate(map(str.strip, names)):
        if not name:
            raise ChecksumError(
                f"Column {index + 1} of {place} has no name. Name it in the first line"
                + (", or write the file without pandas' index." if not index else ".")
            )
        if name in seen:
            raise ChecksumError(
                f"{place} has {[*map(str.strip, names)].count(name)} columns called {name!r}."
            )
        seen.add(name)


@contextlib.contextmanager
def _opened(path: Path, mode: str, **arguments: Any) -> Iterator[Any]:
    """Open a file, which may be gzipped."""
    open_ = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with open_(path, mode, **arguments) as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ChecksumError(f"'{path}' is torn: {first_line(error)}.") from error
