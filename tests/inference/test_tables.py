"""Files, frames and rows become a model's inputs by its own columns."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pytest

from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.inference import ModelInfo, encode_csv, encode_frame, encode_rows
from mlp_lab.inference.inputs import read_batches
from mlp_lab.inference.tables import AS_TRAINED, TableOptions, read_inputs
from mlp_lab.tables import Column
from tests.inference.test_info import INFO as OF_IMAGES

INFO = ModelInfo(
    net={"class_path": "mlp_lab.nets.MLP", "init_args": {}},
    input_shape=(3,),
    input_type="float32",
    num_outputs=2,
    head="softmax",
    class_names=("no", "yes"),
    mean=(0, 0, 0),
    std=(1, 1, 1),
    run="",
    metrics={},
    mlp_lab="0",
    columns=(
        Column("age", "numeric", has_missing=True),
        Column("town", "categorical", ("Bonn", "Lyon"), has_other=True),
        Column("member", "boolean"),
    ),
    encoding={"scaling": "standard", "one_hot_up_to": 16},
    target="bought",
    dialect={"missing": ["", "?"], "separator": None, "encoding": "utf-8"},
)
PRICES = replace(INFO, head="none", num_outputs=1, class_names=(), target="price")
NAN = float("nan")
EXPECTED = [[30, 1, 1], [NAN, 0, 0], [41.5, 2, 0], [7, NAN, 1]]

CSV = """town,bought,member,extra,age,no
Lyon,yes,true,x,30,001
Bonn,no,false,x,?,002
Oslo,perhaps,false,x,41.5,003
,,true,x,7,x4
"""


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "new.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_found_by_name_and_an_extra_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, CSV)
    found = read_inputs(path, INFO, TableOptions(id_column="no"))
    np.testing.assert_array_equal(found.inputs, EXPECTED)
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, -1, -1]
    assert found.ids == ["001", "002", "003", "x4"]
    printed = capsys.readouterr()
    assert printed.out == f"columns of '{path}' that the model does not take: extra\n"
    assert printed.err == f"'{path}' has 1 cell of unknown categories in 'town'\n"


def test_cells_of_unknown_categories_are_counted_by_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    club = Column("club", "categorical", ("red",))
    info = replace(INFO, input_shape=(4,), columns=(*INFO.columns, club))
    rows = ["Oslo,true,1,red", "Rome,true,1,blue", "Oslo,true,1,", ",true,1,red"]
    path = write(tmp_path, "\n".join(["town,member,age,club", *rows]))
    read_inputs(path, info, AS_TRAINED)
    message = f"'{path}' has 3 cells of unknown categories in 'town', 1 in 'club'\n"
    assert capsys.readouterr().err == message
    read_inputs(write(tmp_path, "town,member,age\nBonn,true,1\n"), INFO, AS_TRAINED)
    assert capsys.readouterr().err == ""


def test_batches_keep_the_order_of_the_rows(tmp_path: Path) -> None:
    options = TableOptions(id_column="no")
    batches = [*read_batches([write(tmp_path, CSV)], INFO, 3, tables=options)]
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in batches]), EXPECTED)
    assert [b.names for b in batches] == [["0", "1", "2"], ["3"]]
    assert [b.ids for b in batches] == [["001", "002", "003"], ["x4"]]


def test_targets_are_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "age,town,member,price\n1,Bonn,true,2.5\n2,Bonn,false,\n"
    labels = read_inputs(write(tmp_path, text), PRICES, AS_TRAINED).labels
    np.testing.assert_array_equal(labels, [[2.5], [NAN]])
    path = write(tmp_path, text.replace("2.5", "cheap"))
    assert read_inputs(path, PRICES, AS_TRAINED).labels is None
    assert "predicted without targets: Column 'price'" in capsys.readouterr().out


def test_a_file_without_labels_has_none(tmp_path: Path) -> None:
    text = "age,town,member{}\n1,Bonn,true{}\n"
    for column, cell in (("", ""), (",bought", ","), (",bought", ",maybe")):
        path = write(tmp_path, text.format(column, cell))
        assert read_inputs(path, INFO, AS_TRAINED).labels is None


def test_separator_and_encoding_are_those_of_training_unless_given(tmp_path: Path) -> None:
    path = write(tmp_path, "age;town;member\n1;Köln;true\n", "latin-1")
    known = replace(INFO, columns=(INFO.columns[0], Column("town", "categorical", ("Köln",))))
    given = TableOptions(";", "latin-1")
    trained = replace(known, dialect={"separator": ";", "encoding": "latin-1"})
    for info, options in ((known, given), (trained, AS_TRAINED)):
        np.testing.assert_array_equal(read_inputs(path, info, options).inputs, [[1, 0]])
    with pytest.raises(ConfigError, match=r"separated by ';': add --separator=';'\.$"):
        read_inputs(path, INFO, TableOptions(encoding="latin-1"))
    with pytest.raises(ConfigError, match=r"not in utf-8.*, as with --encoding latin-1\.$"):
        read_inputs(path, INFO, TableOptions(";"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,town,members\n1,Bonn,true\n", "has no column 'member'. Did you mean 'members'?"),
        (
            "age,town,member\n1,Bonn,true\nold,Bonn,true\n",
            "holds numbers, and 'old' in row 2. Correct it.",
        ),
        ("age,town,member\n1,Bonn,maybe\n", "holds numbers, and 'maybe' in row 1"),
        ("age,town,member\n1e99,Bonn,true\n", "row 1 that is infinite, or too large"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_inputs(write(tmp_path, text), INFO, AS_TRAINED)
    assert message in str(error.value)


def test_no_column_is_suggested_that_the_model_takes_as_another(tmp_path: Path) -> None:
    columns = (Column("alone", "numeric"), Column("alive", "numeric"))
    info = replace(INFO, columns=columns, input_shape=(2,), target="olive")
    expected = "has no column 'alive'. There is: alone, fare."
    with pytest.raises(ConfigError) as error:
        read_inputs(write(tmp_path, "alone,fare,olive\n1,2,3\n"), info, AS_TRAINED)
    assert str(error.value).endswith(expected)
    with pytest.raises(ConfigError, match=r"There is: alone, fare\.$"):
        encode_csv("alone,fare\n1,2\n", info)


def test_an_id_column_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no column 'noo'\. Did you mean 'no'?"):
        read_inputs(write(tmp_path, CSV), INFO, TableOptions(id_column="noo"))


def test_ids_stand_beside_their_rows_in_parquet_and_between_empty_lines(tmp_path: Path) -> None:
    text = "age,town,member,no\n1,Bonn,true,01\n\n3,Bonn,true,\n\n\n"
    options = TableOptions(id_column="no")
    found = read_inputs(write(tmp_path, text), INFO, options)
    assert (found.ids, len(found.inputs)) == (["01", ""], 2)
    rows = {"age": [1.0, None], "town": ["Bonn", None], "member": [True, False], "no": [7, 10**12]}
    pl.DataFrame(rows).write_parquet(tmp_path / "new.parquet")
    found = read_inputs(tmp_path / "new.parquet", INFO, options)
    assert found.ids == ["7", "1000000000000"]
    np.testing.assert_array_equal(found.inputs, [[1, 0, 1], [NAN, NAN, 0]])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_of_both_kinds(make: Any) -> None:
    frame = make(
        {
            "extra": [1, 2, 3, 4],
            "member": [True, False, False, True],
            "town": ["Lyon", "Bonn", "Oslo", None],
            "age": [30.0, None, 41.5, 7.0],
        }
    )
    before = frame.shape
    np.testing.assert_array_equal(encode_frame(frame, INFO), EXPECTED)
    assert frame.shape == before


def test_texts_for_missing_values_are_missing_in_a_frame_too() -> None:
    frame = pl.DataFrame({"age": ["?", "3"], "town": ["?", "Lyon"], "member": [True, True]})
    np.testing.assert_array_equal(encode_frame(frame, INFO), [[NAN, NAN, 1], [3, 1, 1]])


def test_categories_of_pandas_may_be_numbers() -> None:
    column = Column("floor", "categorical", ("1", "2"))
    info = replace(INFO, columns=(column,), input_shape=(1,))
    frame = pd.DataFrame({"floor": pd.Categorical([2, None, 1, 3])})
    np.testing.assert_array_equal(encode_frame(frame, info), [[1], [NAN], [0], [2]])


def test_rows_of_json_and_csv_give_what_a_file_gives() -> None:
    rows = [
        {"age": 30, "town": "Lyon", "member": True},
        {"age": None, "town": "Bonn", "member": False, "extra": [1]},
        {"age": "41.5", "town": "Oslo", "member": "false"},
        {"age": 7, "town": None, "member": "True"},
    ]
    np.testing.assert_array_equal(encode_rows(json.loads(json.dumps(rows)), INFO), EXPECTED)
    np.testing.assert_array_equal(encode_csv(CSV, INFO), EXPECTED)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "The rows must be a list of objects"),
        ([], "The rows must be a list of objects"),
        ([3], "Row 1 is 3; it must be an object."),
        ([{"age": 1, "town": "Bonn"}], "Row 1 has no 'member'. A value that is missing is null."),
        ([{"age": [1], "town": "Bonn", "member": True}], r"Row 1 has [1] as 'age'; a value is"),
        ([{"age": 10**400, "town": "Bonn", "member": True}], "row 1 that is infinite"),
        (
            [{"age": "x", "town": "Bonn", "member": True}],
            "Column 'age' of the rows holds numbers, and 'x' in row 1. Correct it.",
        ),
        (
            [{"age": "3 %", "town": "Bonn", "member": True}],
            "'3 %' in row 1. Write it with a decimal point, and without units and",
        ),
    ],
)
def test_rows_that_are_none_are_refused(rows: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        encode_rows(rows, INFO)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,town,member\n1,Bonn\n", "Row 1 of the CSV has 2 cells, and its first line 3."),
        ("age,town,member\n", "The rows must be a list"),
        ("", "The rows must be a list"),
        (
            "age,town\n1,Bonn\n",
            "The CSV has no column 'member', read with ',' between its cells. There is: age, town.",
        ),
        (
            "age;town;member\n1;Bonn;true\n",
            "The CSV has no column 'age', read with ',' between its cells. There is: age;town;memb",
        ),
    ],
)
def test_a_csv_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        encode_csv(text, INFO)
    assert message in str(error.value)


def test_a_model_of_images_takes_no_table(tmp_path: Path) -> None:
    calls: list[Any] = [
        lambda: encode_frame(pd.DataFrame({"a": [1]}), OF_IMAGES),
        lambda: encode_rows([{"a": 1}], OF_IMAGES),
        lambda: read_inputs(write(tmp_path, CSV), OF_IMAGES, AS_TRAINED),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="is a table, and the model takes NCHW, uint8"):
            call()


def test_plain_types_hold_the_table() -> None:
    assert ModelInfo.from_plain(json.loads(json.dumps(INFO.plain()))) == INFO
    assert not OF_IMAGES.plain().keys() & {"columns", "encoding", "target", "dialect"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {}}, "columns is {}"),
        ({"columns": [3]}, r"columns is \[3\]"),
        ({"columns": [{}] * 3}, "a column is {}"),
        ({"columns": [INFO.columns[0].plain()]}, r"1 columns are not inputs \(3,\)"),
        ({"columns": [INFO.columns[0].plain() | {"kind": "date"}] * 3}, "a column is .*"),
        ({"columns": [INFO.columns[0].plain() | {"categories": [1]}] * 3}, "a column is .*"),
        ({"encoding": []}, r"encoding is \[\]"),
        ({"target": None}, "target is None"),
        ({"dialect": {"missing": "?"}}, "dialect is {'missing': '\\?'}"),
        ({"dialect": {"glob": True}}, "dialect is {'glob': True}"),
    ],
)
def test_a_malformed_table_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ChecksumError, match=f"^{message}$"):
        ModelInfo.from_plain(INFO.plain() | changes)
