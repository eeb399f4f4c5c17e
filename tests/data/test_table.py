"""A table as a source: what each column is, what is refused, and what training rows decide."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from mlp_lab.data import LabDataModule, Table
from mlp_lab.errors import ChecksumError, ConfigError, EmptyClassError, MLPLabError, MLPLabWarning
from mlp_lab.nets import TableEncoding
from mlp_lab.nets.table_net import TableEncoder
from mlp_lab.tables import Column

NUM = 60
quiet = pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")

Row = Callable[[int], str]


def sound(i: int) -> str:
    return f"{i * 7 % 11}.5,{'uvw'[i % 3]},{'pq'[i * 5 % 7 % 2]}"


def write(path: Path, row: Row = sound, *, header: str = "a,b,y", num: int = NUM) -> Path:
    path.write_text(f"{header}\n" + "".join(f"{row(i)}\n" for i in range(num)))
    return path


def but(number: int, text: str) -> Row:
    """Sound rows but for one, numbered from 1."""
    return lambda i: text if i + 1 == number else sound(i)


def first(cell: Callable[[int], Any]) -> Row:
    """Sound rows but for their first column."""
    return lambda i: f"{cell(i)}," + sound(i).partition(",")[2]


def test_facts_are_known_before_loading(tmp_path: Path) -> None:
    source = Table(write(tmp_path / "t.csv"), "y")
    assert source.columns == (
        Column("a", "numeric"),
        Column("b", "categorical", ("u", "v", "w")),
    )
    assert (source.input_shape, source.class_names) == ((2,), ("p", "q"))
    assert source.name == "Table 't.csv', 2 classes in 'y'"
    train = source.load(tmp_path, download=False)["train"]
    assert train.inputs[:4].tolist() == [[0.5, 0], [7.5, 1], [3.5, 2], [10.5, 0]]
    assert train.labels[:4].tolist() == [0, 1, 1, 1]
    assert torch.equal(source.load(tmp_path, download=False)["train"].inputs, train.inputs)


@quiet
@pytest.mark.parametrize(
    ("cell", "task", "classes"),
    [
        (lambda i: "pq"[i % 2], None, ("p", "q")),
        (lambda i: i % 2 == 0, None, ("False", "True")),
        (lambda i: [0, 5, 900][i % 3], None, ("0", "5", "900")),
        (lambda i: i % 21, None, ()),
        (lambda i: i % 21, "classification", tuple(map(str, range(21)))),
        (lambda i: i % 3, "regression", ()),
        (lambda i: i % 3 + 0.5, None, ()),
        (lambda i: i % 3 + 0.5, "classification", ("0.5", "1.5", "2.5")),
    ],
)
def test_the_task_follows_from_the_target(
    tmp_path: Path, cell: Callable[[int], Any], task: Any, classes: tuple[str, ...]
) -> None:
    path = write(tmp_path / "t.csv", lambda i: f"{i * 7 % 11},{cell(i)}", header="a,y")
    source = Table(path, "y", task=task)
    assert source.class_names == classes
    assert source.num_targets == (0 if classes else 1)
    labels = source.load(tmp_path, download=False)["train"].labels
    assert labels.shape == ((NUM,) if classes else (NUM, 1))
    assert labels.dtype == (torch.int64 if classes else torch.float32)
    if classes:
        assert classes[int(labels[4])] == str(cell(4))


def test_kinds_are_overruled(tmp_path: Path) -> None:
    row = first(lambda i: f"0{i % 4},{i % 5},n{i},{i + 1}")
    path = write(tmp_path / "t.csv", row, header="zip,number,id,row,b,y")
    with pytest.warns(MLPLabWarning) as notes:
        source = Table(path, "y", categorical=["zip"], drop=["b"])
    assert source.columns == (
        Column("zip", "categorical", ("00", "01", "02", "03")),
        Column("number", "numeric"),
    )
    assert [str(note.message).partition("has ")[2] for note in notes] == [
        "a column, 'id', of texts most of which differ: left out. "
        "data.source.categorical keeps it.",
        "a column, 'row', that numbers its rows: left out. data.source.numeric keeps it.",
    ]
    assert source.notes == [str(note.message) for note in notes]
    source = Table(path, "y", categorical=["id", "zip"], numeric=["row"])
    assert [column.kind[0] for column in source.columns] == ["c", "n", "c", "n", "c"]
    with pytest.raises(ConfigError, match=r"Column 'id' of .* holds numbers, and 'n0' in row 1"):
        Table(path, "y", numeric=["id", "row"])


def test_a_test_file_has_the_columns_of_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", first(lambda i: "0AB"[i % 3]))
    other = write(tmp_path / "o.csv", lambda i: f"p,new,0{i % 2}", header="y,b,a", num=4)
    source = Table(path, "y", test_path=other)
    test = source.load(tmp_path, download=False)["test"]
    # Categories of the first file are texts: 00 is no 0, and a new one comes behind the last.
    assert test.inputs.tolist() == [[3, 3]] * 4
    assert test.labels.tolist() == [0] * 4
    with pytest.raises(ConfigError, match=r"'.*o.csv' has no column 'c'"):
        Table(write(path, header="c,b,y"), "y", test_path=other)
    write(other, lambda _: "r,u,0", header="y,b,a", num=2)
    with pytest.raises(ChecksumError, match=r"Column 'y' of '.*o.csv' has a class in row 1 that"):
        Table(write(path), "y", test_path=other)


REFUSED: dict[str, tuple[Row, str]] = {
    "no target": (
        but(6, "1,u,"),
        r"Column 'y' of '.*t.csv' is empty in 1 row, the first of them row "
        r"6\. --data.source.no_target drop leaves them out\.",
    ),
    "no targets": (lambda i: f"{i},u,", r"Column 'y' of '.*t.csv' has no value in any row\."),
    "constant target": (
        lambda i: f"{i % 7},u,p",
        r"Column 'y' of '.*t.csv' is 'p' in every row: there "
        r"is nothing to learn\.",
    ),
    "infinite": (
        but(6, "inf,u,p"),
        r"Column 'a' of '.*t.csv' has a number in row 6 that is infinite",
    ),
    "too large": (
        but(6, "1e99,u,p"),
        r"Column 'a' of '.*t.csv' has a number in row 6 that is infinite, "
        r"or too large\.",
    ),
    "mixed": (
        but(6, "x,u,p"),
        r"Column 'a' of '.*t.csv' holds numbers, and 'x' in row 6\. Correct it; "
        r"if it stands for a missing value, add it to data.source.missing\.",
    ),
    "thousands": (
        first(lambda i: f'"1,{i + 100}"'),
        r"Column 'a' of '.*t.csv' holds numbers, and '1,100' "
        r"in row 1\. Write it with a decimal point, and without units and thousands separators\.",
    ),
    "commas": (
        first(lambda i: f'"{i},5"'),
        r"Column 'a' of '.*t.csv' holds numbers, and '0,5' in row 1",
    ),
    "some": (
        first(lambda i: f"{i} %" if i % 9 == 3 else i),
        r"holds numbers, and '3 %' in row 4\. Write",
    ),
    "dates": (
        first(lambda i: f"2020-01-{i % 28 + 1:02}"),
        r"Column 'a' of '.*t.csv' holds dates, which no "
        r"net takes\. Turn it into numbers, or leave it out by --data.source.drop=\[a\]\.",
    ),
    "other dates": (first(lambda i: f"{i % 28 + 1}.1.20"), r"Column 'a' of '.*t.csv' holds dates"),
    "large classes": (
        lambda i: f"{i % 7},u,{2**24 + i % 2}",
        r"Column 'y' of '.*t.csv' holds classes that "
        r"are numbers of 16,777,216 and more, which float32 cannot tell apart",
    ),
    "large targets": (
        lambda i: f"{i % 7},u,{i + 0.5}e20",
        r"Column 'y' of '.*t.csv' reaches 6e\+21, too "
        r"large for a loss in float32; 1e\+15 is the most",
    ),
    "infinite target": (
        lambda i: f"{i % 7},u,{'inf' if i == 2 else i + 0.5}",
        r"Column 'y' .* in row 3",
    ),
    "date target": (
        lambda i: f"{i},u,2020-01-{i % 28 + 1:02}",
        r"The target 'y' of '.*t.csv' holds dates; "
        r"it must hold numbers, booleans or texts\.",
    ),
    "nothing": (
        lambda i: f"1,,{'pq'[i % 2]}",
        r"'.*t.csv' has no column to learn from beside 'y'\.",
    ),
}


@quiet
@pytest.mark.parametrize("case", REFUSED)
def test_bad_content_is_one_sentence(tmp_path: Path, case: str) -> None:
    row, message = REFUSED[case]
    with pytest.raises(MLPLabError, match=message):
        Table(write(tmp_path / "t.csv", row), "y")


@quiet
def test_one_row_or_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match=r"'.*t.csv' has one row: there is nothing to learn"):
        Table(write(tmp_path / "t.csv", num=1), "y")
    with pytest.raises(MLPLabError, match="leaves class 'p', which has one sample, without"):
        LabDataModule(Table(write(tmp_path / "t.csv", num=3), "y"))
    frame = pl.DataFrame({"a": [[1], [2]] * 9, "y": ["p", "q"] * 9})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        ConfigError, match=r"Column 'a' of '.*t.parquet' holds List\(Int64\), which"
    ):
        Table(tmp_path / "t.parquet", "y")


LEFT_OUT: dict[str, tuple[Callable[[int], Any], str]] = {
    "empty": (lambda _: "", "a column, 'a', without a value in any row: left out."),
    "constant": (lambda _: 3, "a column, 'a', with the same value in every row: left out."),
    "rounded": (
        lambda i: 10**12 + i,
        "a column, 'a', with the same value, as float32 has it, in every row: left out.",
    ),
    "id": (
        lambda i: f"n{i}",
        "a column, 'a', of texts most of which differ: left out. data.source.categorical keeps it.",
    ),
    "rows": (
        lambda i: i + 7,
        "a column, 'a', that numbers its rows: left out. data.source.numeric keeps it.",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_teaches_nothing_is_left_out_with_a_warning(tmp_path: Path, case: str) -> None:
    cell, message = LEFT_OUT[case]
    with pytest.warns(MLPLabWarning) as notes:
        source = Table(write(tmp_path / "t.csv", first(cell)), "y")
    assert [column.name for column in source.columns] == ["b"]
    assert [str(note.message) for note in notes] == [f"'{tmp_path / 't.csv'}' has {message}"]


def test_what_many_columns_lack_is_one_warning(tmp_path: Path) -> None:
    names = [f"c{index}" for index in range(8)]
    path = write(
        tmp_path / "t.csv", lambda i: "1," * 8 + sound(i), header=",".join([*names, "a,b,y"])
    )
    with pytest.warns(
        MLPLabWarning, match="8 columns, 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more, with"
    ):
        Table(path, "y")


def test_a_column_that_determines_the_target_is_named(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f"{'no' if sound(i)[-1] == 'p' else 'yes'},{sound(i)}"

    path = write(tmp_path / "t.csv", row, header="alive,a,b,y")
    with pytest.warns(
        MLPLabWarning, match=r"Column 'alive' of '.*t.csv' determines the target 'y'"
    ):
        Table(path, "y")
    assert len(Table(path, "y", drop=["alive"]).columns) == 2


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("day", "--data.source.drop=[day]"),
        ("listed on", "'--data.source.drop=[listed on]'"),
        ("day, local", """'--data.source.drop=["day, local"]'"""),
        ("2020", """'--data.source.drop=["2020"]'"""),
    ],
)
def test_a_suggested_flag_can_be_pasted(tmp_path: Path, name: str, typed: str) -> None:
    rows = first(lambda i: f"2020-01-{i % 28 + 1:02}")
    path = write(tmp_path / "t.csv", rows, header=f'"{name}",b,y')
    with pytest.raises(ConfigError) as error:
        Table(path, "y")
    assert str(error.value).endswith(f", or leave it out by {typed}.")
    (word,) = shlex.split(typed)
    assert yaml.safe_load(word.partition("=")[2]) == [name]
    no_rows = first(lambda i: "no" if sound(i)[-1] == "p" else "yes")
    with pytest.warns(MLPLabWarning) as notes:
        Table(write(path, no_rows, header=f'"{name}",b,y'), "y")
    assert str(notes[0].message).endswith(f"only repeats it, leave it out by {typed}.")


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", lambda i: sound(i) if i % 10 else "99,z,")
    with pytest.warns(MLPLabWarning, match=r"6 rows of 60 in '.*t.csv' have no 'y': left out"):
        source = Table(path, "y", no_target="drop")
    train = source.load(tmp_path, download=False)["train"]
    assert (len(train), float(train.inputs[:, 0].max())) == (54, 10.5)
    rows = but(6, "inf,u,p")
    write(path, lambda i: "1,u," if i == 0 else rows(i))
    with pytest.warns(MLPLabWarning), pytest.raises(ConfigError, match="a number in row 6 that"):
        Table(path, "y", no_target="drop")  # the row of the file


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"target": "z"},
            r"data.source.target names 'z', which is no column of '.*t.csv'\. There is: a",
        ),
        (
            {"drop": ["B"]},
            r"data.source.drop names 'B', which is no column of .* Did you mean 'b'\?",
        ),
        # b is there, and meant already.
        (
            {"drop": ["B"], "numeric": ["b"]},
            r"data.source.drop names 'B', which is no column of .*\. There is: a, b, y\.",
        ),
        ({"drop": ["y"]}, r"Column 'y' is named by more than one of data.source.target, drop"),
        ({"numeric": ["a"], "categorical": ["a"]}, r"Column 'a' is named by more than one of"),
        ({"task": "ranking"}, r"data.source.task is 'ranking'\."),
        ({"no_target": "keep"}, r"data.source.no_target is 'keep'\."),
        ({"min_count": 0}, r"data.source.min_count is 0; it must be at least 1\."),
        ({"classes": ["p", "x"]}, r"Unknown class 'x' in data.source.classes"),
        (
            {"target": "a", "classes": ["p"]},
            r"data.source.classes is for classes, and 'a' holds numbers",
        ),
    ],
)
def test_settings_that_cannot_work(tmp_path: Path, settings: Any, message: str) -> None:
    path = write(tmp_path / "t.csv")
    with pytest.raises(ConfigError, match=message):
        Table(path, **{"target": "y", **settings})


def test_a_table_beyond_the_memory_is_refused_and_a_large_one_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "t.csv", lambda i: f"{i * 7 % 11}.5,u,{'pq'[i % 2]}")
    monkeypatch.setattr("mlp_lab.data.table._LARGE", 1)
    with pytest.warns(MLPLabWarning):
        Table(path, "y")
    assert "rows of 3 columns in '" in capsys.readouterr().out
    monkeypatch.setattr("mlp_lab.nets.memory._physical_memory", lambda: 100)
    with pytest.raises(ConfigError, match=r"About 6\d rows of 3 columns in '.*t.csv' would take"):
        Table(path, "y")


def encoder_of(data: LabDataModule) -> dict[str, torch.Tensor]:
    encoder = TableEncoder(
        list(map(Column.from_plain, data.columns or ())), TableEncoding("quantile")
    )
    torch.manual_seed(0)
    encoder.fit(data.subsets["train"].samples.inputs, data.subsets["train"].indices)
    return encoder.state_dict()


@pytest.mark.parametrize("settings", [{}, {"folds": 3, "fold": 1}, {"resample": "over"}])
def test_test_rows_change_nothing_that_is_learned(tmp_path: Path, settings: Any) -> None:
    path = write(tmp_path / "t.csv", num=200)
    before = LabDataModule(Table(path, "y"), **settings)
    tested = set(before.subsets["test"].indices.tolist())
    write(
        path,
        lambda i: (
            f"{'-1e6' if i % 2 else ''},new{i % 2},{sound(i)[-1]}" if i in tested else sound(i)
        ),
        num=200,
    )
    with pytest.warns(
        MLPLabWarning, match="Column 'b' has 'new0', 'new1' in validation or test alone"
    ):
        after = LabDataModule(Table(path, "y"), **settings)
    assert set(after.subsets["test"].indices.tolist()) == tested
    assert after.columns == before.columns
    states = encoder_of(before), encoder_of(after)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    samples = after.subsets["test"].samples.inputs[after.subsets["test"].indices]
    assert set(samples[:, 1].tolist()) == {3.0}  # behind u, v, w
    assert samples[:, 0].isnan().any()


def test_rare_categories_are_other(tmp_path: Path) -> None:
    row: Row = lambda i: f"{i * 7 % 11},{'x' if i % 50 == 0 else 'uvw'[i % 3]},{'pq'[i % 2]}"  # noqa: E731
    path = write(tmp_path / "t.csv", row, num=200)
    data = LabDataModule(Table(path, "y"))
    assert data.columns is not None
    assert data.columns[1]["categories"] == ["u", "v", "w"]
    assert data.columns[1]["has_other"]
    assert LabDataModule(Table(path, "y", min_count=1)).columns[1]["categories"] == [*"uvwx"]  # type: ignore[index]
    inputs = data.subsets["train"].samples.inputs[:, 1]
    assert inputs[::50].tolist() == [3] * 4


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({}, [70, 35]),
        ({"imbalance": {"r": 0.5}}, [35, 35]),
        ({"resample": "over"}, [70, 70]),
        ({"class_weights": "balanced"}, [70, 35]),
        ({"folds": 4, "fold": 3}, [60, 30]),
        ({"validate_on": "test"}, [80, 40]),
    ],
)
def test_settings_of_the_data_module(tmp_path: Path, settings: Any, counts: list[int]) -> None:
    row: Row = lambda i: f"{i * 7 % 11},{'uvw'[i % 3]},{'pqrr'[i % 4]}"  # noqa: E731
    path = write(tmp_path / "t.csv", row, num=200)
    data = LabDataModule(Table(path, "y", classes=["r", "p"]), **settings)
    assert data.class_names == ("r", "p")
    data.prepare_data()
    data.setup("fit")
    assert data.class_counts("train").tolist() == counts
    inputs, labels = next(iter(data.train_dataloader()))
    assert inputs.shape[1:] == (2,)
    assert set(labels.tolist()) == {0, 1}


def test_a_class_that_cannot_be_split_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", lambda i: f"{i * 7 % 11},{'uv'[i % 2]},t{i}")
    with pytest.raises(
        EmptyClassError,
        match=r"^Table 't.csv', 60 classes in 'y': nearly every sample has a class of its own, so "
        r"it is no target for classes\. If they are numbers, set --data.source.task regression\.$",
    ):
        LabDataModule(Table(path, "y"))
    with pytest.raises(EmptyClassError, match="nearly every sample has a class of its own"):
        LabDataModule(Table(path, "y"), folds=5, fold=0)
    write(path, lambda i: f"{i * 7 % 11},{'uv'[i % 2]},t{i // 2 if i > 9 else i}")
    with pytest.raises(EmptyClassError, match=r"leaves class 't\d+', which has one sample"):
        LabDataModule(Table(path, "y"))


@quiet
def test_random_tables_train_or_are_refused(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    cells = ["", "NA", "1", "2.5", "-3", "x", "y", "True", "1e39", "2020-01-01", "?", "1,5"]
    done = 0
    for _ in range(40):
        kinds = [draws.choice(cells, draws.integers(1, 4)) for _ in range(3)]
        rows = [[f'"{draws.choice(kind)}"' for kind in kinds] for _ in range(30)]
        text = "a,b,y\n" + "".join(",".join(row) + "\n" for row in rows)
        (tmp_path / "t.csv").write_text(text)
        try:
            data = LabDataModule(Table(tmp_path / "t.csv", "y", no_target="drop"))
        except MLPLabError:
            continue
        assert not data.subsets["train"].samples.inputs.isinf().any()
        done += 1
    assert done > 3
