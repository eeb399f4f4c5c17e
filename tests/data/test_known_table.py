"""A table that is read for a trained net has the net's columns and codes, whatever it holds."""

from pathlib import Path

import numpy as np
import pytest

from mlp_lab.data import KnownTable, LabDataModule, Table, reading_tables_for
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning
from mlp_lab.tables import Column
from tests.helpers.town_table import NAMES, make_rows, write_table

COLUMNS = (
    Column("town", "categorical", ("Wien", "Bonn", "Lyon", "Oslo")),  # no order that a file gives
    Column("age", "numeric", has_missing=True),
)
KNOWN = KnownTable(COLUMNS, ("yes", "no"), "'model'")


def read(path: Path, known: KnownTable = KNOWN, classes: list[int | str] | None = None) -> Table:
    with reading_tables_for(lambda: known):
        return Table(path, "bought", drop=["nothing"], missing=["?"], classes=classes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_table(tmp_path / "a.csv", make_rows())


def test_codes_are_the_nets_and_no_training_rows_change_them(path: Path) -> None:
    rows = make_rows()
    towns = [row[2] for row in rows]
    expected = [COLUMNS[0].categories.index(town) if town else np.nan for town in towns]
    for seed in (0, 1):
        data = LabDataModule(read(path), split_seed=seed)
        assert data.columns == [column.plain() for column in COLUMNS]
        inputs = data.samples[0].inputs
        np.testing.assert_array_equal(inputs[:, 0], expected)
    assert data.class_names == ("yes", "no")
    labels = [KNOWN.class_names.index(row[-1]) for row in rows] if KNOWN.class_names else []
    assert data.samples[0].labels.tolist() == labels


def test_left_to_itself_it_would_learn_others(path: Path) -> None:
    """So that the test above means something: the split decides what is known."""
    found = {
        tuple(tuple(c["categories"]) for c in LabDataModule(table, split_seed=s).columns or [])
        for s in range(4)
        for table in [Table(path, "bought", drop=["row"], missing=["?"])]
    }
    assert len(found) > 1


def test_a_file_of_few_rows_needs_no_second_value(tmp_path: Path) -> None:
    rows = [["0", "30", "Bonn", "a", "true", "1", "no"]] * 3
    table = read(write_table(tmp_path / "a.csv", rows))
    assert table.read(tmp_path, download=False)["train"].inputs.tolist() == [[1, 30]] * 3


def test_a_missing_column_is_named(path: Path) -> None:
    names = ["town " if name == "town" else name.replace("age", "Age") for name in NAMES]
    other = write_table(path.with_name("b.csv"), make_rows(), names)
    with pytest.raises(ConfigError, match=r"b.csv' has no column 'age', which 'model' takes. Did"):
        read(other)


def test_a_column_that_the_net_takes_is_not_suggested_for_another(path: Path) -> None:
    columns = (*COLUMNS, Column("towns", "numeric"))
    with pytest.raises(ConfigError, match=r"no column 'towns', which 'model' takes\. There is: "):
        read(path, KnownTable(columns, ("yes", "no"), "'model'"))


def test_rows_without_the_target_are_led_to_infer(path: Path) -> None:
    names = ["sold" if name == "bought" else name for name in NAMES]
    write_table(path, make_rows(), names)
    expected = (
        r"has no column 'bought', which is the target\. Rows without it are predicted by mlp-lab "
        r"infer\.$"
    )
    with pytest.raises(ConfigError, match=expected):
        read(path)


def test_a_column_of_another_kind_is_named(path: Path) -> None:
    rows = [[*row[:1], "old", *row[2:]] for row in make_rows()]
    with pytest.raises(ConfigError, match=r"Column 'age' of .* holds numbers, and 'old' in row 1"):
        read(write_table(path, rows))


def test_an_unknown_category_is_said_once_the_net_has_seen_none(path: Path) -> None:
    rows = [[*row[:2], row[2].replace("Oslo", "Rome"), *row[3:]] for row in make_rows()]
    with pytest.warns(MLPLabWarning, match="'town' of .* has 'Rome', which 'model' does not know"):
        table = read(write_table(path, rows))
    codes = table.read(path, download=False)["train"].inputs[:, 0]
    assert codes[7] == 4


def test_an_unknown_class_is_refused(path: Path) -> None:
    rows = [
        [*row[:-1], "perhaps" if index == 5 else row[-1]] for index, row in enumerate(make_rows())
    ]
    with pytest.raises(ChecksumError, match="has a class in row 6 that 'model' has not"):
        read(write_table(path, rows))


def test_classes_that_are_chosen_and_those_of_a_new_last_layer_are_the_files_own(
    path: Path,
) -> None:
    assert read(path, classes=["no", "yes"]).class_names == ("no", "yes")
    assert read(path, KnownTable(COLUMNS, None, "'model'")).class_names == ("no", "yes")


def test_other_tables_are_read_as_before(path: Path) -> None:
    read(path)
    table = Table(path, "bought", drop=["row"], missing=["?"])
    assert not table.are_columns_learned
    assert [column.name for column in table.columns] == [*NAMES[1:-1]]
