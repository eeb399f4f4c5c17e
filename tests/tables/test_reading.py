"""Files and frames, column by column; what is wrong with a file is named by row and column."""

import contextlib
import csv
import datetime
import gzip
import io
import math
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, MLPLabError
from mlp_lab.tables import Cells, estimate_size, read_frame, read_table


def read(directory: Path, content: str | bytes, name: str = "t.csv", **how: Any) -> list[Cells]:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **how)


def cells_of(cells: Cells) -> list[Any]:
    """Return numbers and texts as they are, None for a missing one."""
    values = [None if math.isnan(value) else value for value in cells.values.tolist()]
    if cells.kind != "text":
        return values
    return [None if value is None else cells.texts[int(value)] for value in values]


def columns_of(table: list[Cells]) -> dict[str, tuple[str, list[Any]]]:
    return {cells.name: (cells.kind, cells_of(cells)) for cells in table}


def test_kinds_are_told_by_the_cells(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "whole,float,bool,text,day,none\n"
        "1,0.5,True,b,2020-01-31,\n"
        "-2,1e3,false,a,2020-02-01,NA\n"
        "NA,,,n/a,,\n",
    )
    assert columns_of(table) == {
        "whole": ("number", [1, -2, None]),
        "float": ("number", [0.5, 1000, None]),
        "bool": ("boolean", [1, 0, None]),
        "text": ("text", ["b", "a", None]),
        "day": ("date", [0, 0, None]),
        "none": ("text", [None, None, None]),
    }
    assert [cells.is_whole for cells in table[:2]] == [True, False]
    assert {cells.values.dtype for cells in table} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        ([" 1 ", "2.", "+3", ".5"], "number", [1, 2, 3, 0.5]),
        ([" True", "FALSE ", "true", " "], "boolean", [1, 0, 1, None]),
        ([" b ", "a", "  ", " NA "], "text", ["b", "a", None, None]),
        (["1_0", "2", "3", "4"], "text", ["1_0", "2", "3", "4"]),
        (['"a\nb"', '"say ""hi"""', '"x,y"', "z"], "text", ["a\nb", 'say "hi"', "x,y", "z"]),
        (["?", "1", " ? ", "2"], "number", [None, 1, None, 2]),
        (["007", "08", "9", "10"], "number", [7, 8, 9, 10]),
    ],
)
def test_cells(tmp_path: Path, cells: list[str], kind: str, expected: list[Any]) -> None:
    content = "x,y\r\n" + "".join(f"{cell},1\r\n" for cell in cells)
    assert columns_of(read(tmp_path, content, missing=["?"]))["x"] == (kind, expected)


def test_columns_that_hold_texts_keep_them_as_they_stand(tmp_path: Path) -> None:
    content = "zip,flag,day\n007,true,2020-01-31\n12,,2020-02-01\n"
    table = read(tmp_path, content, texts=["zip", "flag", "day", "other"])
    assert columns_of(table) == {
        "zip": ("text", ["007", "12"]),
        "flag": ("text", ["true", None]),
        "day": ("text", ["2020-01-31", "2020-02-01"]),
    }


def test_blank_lines_are_no_rows_and_a_row_of_missing_values_is_one(tmp_path: Path) -> None:
    content = 'a,b\n1,"x\n\ny"\n\nNA,\n,\n\n2,z\n\n\n'
    assert columns_of(read(tmp_path, content)) == {
        "a": ("number", [1, None, None, 2]),
        "b": ("text", ["x\n\ny", None, None, "z"]),
    }


TABLE = "a;b\n1;ä\n2;\n"


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("t.csv", TABLE.replace(";", ","), {}),
        ("T.CSV", "\ufeff" + TABLE.replace(";", ",").replace("\n", "\r\n"), {}),
        ("t.tsv", TABLE.replace(";", "\t"), {}),
        ("t.csv.gz", gzip.compress(TABLE.replace(";", ",").encode(), mtime=0), {}),
        (
            "t.tsv.gz",
            gzip.compress(TABLE.replace(";", "\t").encode("cp1252"), mtime=0),
            {"encoding": "cp1252"},
        ),
        ("t.csv", TABLE.encode("utf-16"), {"encoding": "utf-16", "separator": ";"}),
        (
            "t.csv",
            TABLE.replace(";", "|").encode("latin-1"),
            {"encoding": "latin-1", "separator": "|"},
        ),
    ],
)
def test_files_of_text(tmp_path: Path, name: str, content: str | bytes, how: Any) -> None:
    table = read(tmp_path, content, name, **how)
    assert columns_of(table) == {"a": ("number", [1, 2]), "b": ("text", ["ä", None])}


def test_what_the_first_rows_do_not_show_is_found(tmp_path: Path) -> None:
    num = 10_000  # as many are read first
    first = "".join(
        f"{i % 9},{i % 7},{i % 5}.5,u{i % 3},{i % 2 == 0},{2**24 + i}\n" for i in range(num)
    )
    header = "whole,more,float,text,flag,large\n"
    table = read(tmp_path, header + first + "0.25,8,7,new,True,5\n")
    columns = columns_of(table)
    assert [kind for kind, _ in columns.values()] == ["number"] * 3 + ["text", "boolean", "number"]
    assert [cells[-1] for _, cells in columns.values()] == [0.25, 8, 7, "new", 1, 5]
    assert [cells.is_whole for cells in table[:3]] == [False, True, False]
    mixed = read(tmp_path, header + first + "x,8,7,new,maybe,y\n")
    assert [cells.kind for cells in mixed] == ["text", "number", "number", "text", "text", "text"]
    assert np.isnan(mixed[0].numbers).tolist() == [False] * 9 + [True]


def test_parquet_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "decimal": [Decimal("0.25"), None],
            "large": pl.Series([2**63, 5], dtype=pl.UInt64),
            "huge": pl.Series([10**30, 1], dtype=pl.Int128),
            "nan": [math.nan, 1.5],
            "cat": pl.Series(["b", "a"], dtype=pl.Categorical),
            "enum": pl.Series(["b", " NA"], dtype=pl.Enum(["z", "b", " NA"])),
            "flag": [True, None],
            "list": [[1], [2]],
            "struct": [{"a": 1}, None],
            "day": [datetime.date(2020, 1, 31), None],
            "span": [datetime.timedelta(1), None],
            "null": pl.Series([None, None]),
        }
    )
    frame.write_parquet(tmp_path / "t.PARQUET")
    table = read_table(tmp_path / "t.PARQUET")
    assert columns_of(table) == {
        "decimal": ("number", [0.25, None]),
        "large": ("number", [2**63, 5]),
        "huge": ("number", [float(np.float32(10**30)), 1]),
        "nan": ("number", [None, 1.5]),
        "cat": ("text", ["b", "a"]),
        "enum": ("text", ["b", None]),
        "flag": ("boolean", [1, None]),
        "list": ("other", [0, 0]),
        "struct": ("other", [0, None]),
        "day": ("date", [0, None]),
        "span": ("date", [0, None]),
        "null": ("text", [None, None]),
    }
    assert table[7].type_name == "List(Int64)"
    assert estimate_size(tmp_path / "t.PARQUET") == (2, 12)


def test_a_parquet_file_of_pandas_is_without_its_index(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "y"], "__index_level_0__": [7, 9]})
    frame.write_parquet(tmp_path / "t.parquet")
    expected = {"a": ("number", [1.5, None]), "b": ("text", ["x", "y"])}
    assert columns_of(read_table(tmp_path / "t.parquet")) == expected


def test_frames() -> None:
    pd = pytest.importorskip("pandas")
    content = {"n": [1, 2, 3], "x": [0.5, None, 2], "t": ["b", "?", None], "f": [True, False, None]}
    expected = {
        "n": ("number", [1, 2, 3]),
        "x": ("number", [0.5, None, 2]),
        "t": ("text", ["b", None, None]),
        "f": ("boolean", [1, 0, None]),
    }
    frame = pl.DataFrame(content)
    assert columns_of(read_frame(frame, missing=["?"])) == expected
    assert frame.columns == [*content]  # it is the caller's
    pandas = pd.DataFrame(content).assign(
        c=pd.Categorical(["u", None, "v"]),
        i=pd.array([1, None, 3], dtype="Int64"),
        d=pd.to_datetime(["2020-01-31", None, "2020-02-01"]),
    )
    assert columns_of(read_frame(pandas, missing=["?"])) == expected | {
        "c": ("text", ["u", None, "v"]),
        "i": ("number", [1, None, 3]),
        "d": ("date", [0, None, 0]),
    }
    named = read_frame(frame[["n"]], texts=["n"])
    assert columns_of(named) == {"n": ("text", ["1", "2", "3"])}
    with pytest.raises(ConfigError, match="the frame is dict, and no frame"):
        read_frame(content)
    with pytest.raises(ChecksumError, match="the frame has no rows"):
        read_frame(pd.DataFrame({"a": []}))
    with pytest.raises(ChecksumError, match="the frame has 2 columns called 'a'"):
        read_frame(pd.DataFrame([[1, 2]], columns=["a", " a"]))


BAD_TEXT: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", r"The first line of '.*t.csv' is empty; it must name the columns\."),
    "blank": ("\n\n", r"The first line of '.*t.csv' is empty; it must name the columns\."),
    "0 rows": ("a,b\n", r"'.*t.csv' has no rows\."),
    "duplicate": ("a,b, a\n1,2,3\n", r"'.*t.csv' has 2 columns called 'a'\."),
    "no name": (
        "a,,c\n1,2,3\n",
        r"Column 2 of '.*t.csv' has no name\. Name it in the first line\.",
    ),
    "index": (
        ",b\n1,2\n",
        r"Column 1 of .* has no name\. .*, or write the file without pandas' index\.",
    ),
    "long": ("a,b\n1,2\n\n1,2,3\n", r"Row 2 of '.*t.csv' has 3 cells, and the header 2\."),
    "short": ("a,b\n1,2\n1\n", r"Row 2 of '.*t.csv' has 1 cell, and the header 2\."),
    "semicolons": (
        "a;b\n1;2\n",
        r"'.*t.csv' has one column with ',' between its cells; they seem to "
        r"be separated by ';': add --data.source.separator=';'\.$",
    ),
    "tabs": ("a\tb\n1\t2\n", r"separated by a tab: add --data.source.separator=\$'\\t'\.$"),
    "bars": ("a|b\n1|2\n", r"separated by '\|': add --data.source.separator='\|'\.$"),
    "quotes": ('"a";"b"\n1;2\n', r"separated by ';': add --data.source.separator=';'\.$"),
    "header alone": ("a;b\n", r"separated by ';': add --data.source.separator=';'\.$"),
    "latin-1": (
        "a,b\n1,x\n2,ü\n".encode("latin-1"),
        r"'.*t.csv' is not in utf-8, by its row 2: name the "
        r"encoding, as with --data.source.encoding latin-1\.$",
    ),
    "windows": (
        "a,b\n1,x\n2,€\n".encode("cp1252"),
        r"by its row 2: .* --data.source.encoding cp1252\.$",
    ),
    "header": (
        "ä,b\n1,x\n".encode("latin-1"),
        r"is not in utf-8, by its header: name the encoding",
    ),
    "utf-16": (
        "a,b\n1,x\n".encode("utf-16"),
        r"is not in utf-8: .* --data.source.encoding utf-16\.$",
    ),
    "open": (
        'a,b\n1,x\n2,"y\n3,z\n',
        r"Row 2 of '.*t.csv' cannot be read: .*Is a quote not closed\?",
    ),
    "open header": (
        'a,"b\n1,2\n',
        r"The header of '.*t.csv' cannot be read: .*Is a quote not closed\?",
    ),
    "inch": (
        "a,b\n1,6'\n2,5'11\"\n3,7\n",
        r"'.*t.csv' cannot be read, perhaps for the quote in row 2, "
        r"column 'b'\.",
    ),
    "Mac": ("a,b\r1,2\r", r"The lines of '.*t.csv' end in CR alone\."),
}


@pytest.mark.parametrize("case", BAD_TEXT)
def test_a_bad_text_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    content, message = BAD_TEXT[case]
    with pytest.raises(MLPLabError, match=message):
        read(tmp_path, content)


def test_another_separator_than_the_one_given_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, "a,b\n1,2\n", separator="|", flags="--")
    assert str(error.value) == (
        f"'{tmp_path / 't.csv'}' has one column with '|' between its cells; they seem to be "
        "separated by ',': add --separator=','."
    )
    # A comma in a name alone separates nothing.
    (height,) = read(tmp_path, "height, cm\n180\n", "t.tsv")
    assert (height.name, cells_of(height)) == ("height, cm", [180])


def test_torn_and_foreign_files(tmp_path: Path) -> None:
    table = ("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(999))).encode()
    packed = gzip.compress(table)
    changed = bytearray(packed)
    changed[len(packed) // 2] ^= 255
    pl.read_csv(table).write_parquet(tmp_path / "whole.parquet")
    parquet = (tmp_path / "whole.parquet").read_bytes()
    for name, content in {
        "t.csv.gz": packed[: len(packed) // 2],
        "u.csv.gz": bytes(changed),
        "v.csv.gz": b"hello",
        "w.csv.gz": b"",
        "t.parquet": parquet[: len(parquet) // 2],
        "u.parquet": b"PAR1 hello PAR1",
    }.items():
        with pytest.raises(ChecksumError, match=f"{name}' (is torn|is empty)|{name}' is empty"):
            read(tmp_path, content, name)
    with pytest.raises(
        DatasetNotFoundError, match=r"The table '.*no.csv' is not there, or no file"
    ):
        read_table(tmp_path / "no.csv")
    with pytest.raises(ConfigError, match=r"'.*t.txt' is none of .csv, .tsv, .csv.gz"):
        read(tmp_path, table, "t.txt")


def test_settings_that_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"data.source.encoding is 'klingon', which is no encoding"
    ):
        read(tmp_path, "a\n1\n", encoding="klingon")
    with pytest.raises(ConfigError, match=r"^encoding is 'klingon', which is no encoding"):
        read(tmp_path, "a\n1\n", encoding="klingon", flags="--")
    with pytest.raises(
        ConfigError, match=r"data.source.separator is '::'; it must be one character"
    ):
        read(tmp_path, "a\n1\n", separator="::")
    with pytest.raises(ConfigError, match=r"^separator is '::'; it must be one character"):
        read(tmp_path, "a\n1\n", separator="::", flags="--")
    with pytest.raises(ConfigError, match="is not in ascii, by its row 1"):
        read(tmp_path, "a,b\nä,2\n", encoding="ascii")
    with pytest.raises(ConfigError, match="is not in utf-16"):
        read(tmp_path, "a,b\n1,2\n", encoding="utf-16")


def test_size_is_estimated_from_the_beginning(tmp_path: Path) -> None:
    content = "a,b,c\n" + "10,20,30\n" * 999
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert estimate_size(path) == (1000, 3)
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    assert estimate_size(packed) == (1000, 3)


def test_ten_thousand_columns(tmp_path: Path) -> None:
    names = ",".join(f"c{index}" for index in range(10_000))
    row = ",".join("1" for _ in range(10_000))
    table = read(tmp_path, f"{names}\n{row}\n{row}\n")
    assert (len(table), table[-1].name, cells_of(table[-1])) == (10_000, "c9999", [1, 1])


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\x1c\x1d\x1e\x1f"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), quoting=st.sampled_from([0, 1])
)
def test_any_table_is_read_as_python_reads_it(rows: list[tuple[str, str]], quoting: Any) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting).writerows([("a", "b"), *rows])
    with tempfile.TemporaryDirectory() as directory:
        table = read(Path(directory), text.getvalue(), texts=["a", "b"])
    missing = {"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"}
    for cells, expected in zip(table, zip(*rows, strict=True), strict=True):
        stripped = [cell.strip() for cell in expected]
        assert cells_of(cells) == [None if cell in missing else cell for cell in stripped]


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=80) | st.text('ab1.,;\t"\n\r -', max_size=60).map(str.encode),
    name=st.sampled_from(["t.csv", "t.tsv", "t.csv.gz", "t.parquet"]),
)
def test_any_bytes_are_a_table_or_one_sentence(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as directory, contextlib.suppress(MLPLabError):
        for cells in read(Path(directory), content, name):
            assert cells.values.dtype == np.float32
            assert len(cells.values)


def test_nothing_loads_polars_but_a_table() -> None:
    code = "import sys, mlp_lab.tables; assert 'polars' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
