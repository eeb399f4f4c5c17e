"""A large table is parsed once, and anew where anything that decides what it holds has changed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab import tables
from mlp_lab.data import LabDataModule, Table
from mlp_lab.data.known_table import KnownTable, reading_tables_for
from mlp_lab.errors import MLPLabWarning
from tests.helpers.town_table import make_rows, write_table

ROOT = Path()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table that counts as a large one."""
    monkeypatch.setattr("mlp_lab.data.table_cache._LARGE", 100)
    return write_table(tmp_path / "town.csv", make_rows())


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were parsed."""
    names = []
    read_table = tables.read_table

    def note(path: Path, **settings: Any) -> Any:
        names.append(path.name)
        return read_table(path, **settings)

    monkeypatch.setattr("mlp_lab.data.table.read_table", note)
    return names


def make(path: Path, **settings: Any) -> Table:
    with pytest.warns(MLPLabWarning, match="left out"):
        return Table(path, "bought", missing=["?"], **settings)


def load(source: Table) -> dict[str, Any]:
    """Return all that a source knows, and its samples."""
    parts = source.load(ROOT, download=False)
    source.keep()
    tensors = {part: (s.inputs.tolist(), s.labels.tolist()) for part, s in parts.items()}
    facts = (source.columns, source.class_names, source.num_targets, source.input_shape)
    return {"facts": facts, "notes": source.notes, "tensors": repr(tensors)}


def kept(path: Path) -> Path:
    return path.with_name(f".{path.name}.mlp_lab")


@pytest.mark.parametrize("settings", [{}, {"task": "regression"}], ids=["classes", "numbers"])
def test_the_second_time_it_is_as_the_first(
    path: Path, parsed: list[str], settings: dict[str, Any]
) -> None:
    target = "price" if settings else "bought"
    with pytest.warns(MLPLabWarning, match="left out") as first:
        before = load(Table(path, target, missing=["?"], **settings))
    with pytest.warns(MLPLabWarning, match="left out") as second:
        after = load(Table(path, target, missing=["?"], **settings))
    assert parsed == ["town.csv"]
    assert after == before
    assert [str(w.message) for w in second] == [str(w.message) for w in first]
    assert [p.name for p in path.parent.iterdir() if p != path] == [".town.csv.mlp_lab"]


def test_chosen_classes_are_chosen_from_all(path: Path, parsed: list[str]) -> None:
    load(make(path, classes=["yes", "no"]))
    assert make(path).class_names == ("no", "yes")
    assert make(path, classes=["yes", "no"]).class_names == ("yes", "no")
    assert parsed == ["town.csv"]


def test_loading_twice_warns_of_nothing_new(path: Path, parsed: list[str]) -> None:
    source = make(path)
    first = load(source)
    with pytest.warns(MLPLabWarning, match="left out"):
        assert load(source) == first
    assert parsed == ["town.csv"]


@pytest.mark.parametrize(
    "settings",
    [
        {"drop": ["street"]},
        {"categorical": ["member"]},
        {"no_target": "drop"},
        {"separator": ","},
        {"encoding": "latin-1"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_another_setting_parses_it_anew(
    path: Path, parsed: list[str], settings: dict[str, Any]
) -> None:
    load(make(path))
    source = make(path, **settings)
    assert parsed == ["town.csv", "town.csv"]
    if "drop" in settings:
        assert "street" not in [column.name for column in source.columns]


def test_another_byte_parses_it_anew(path: Path, parsed: list[str]) -> None:
    load(make(path))
    content = path.read_text()
    status = path.stat()
    path.write_text(content.replace("Bonn", "Born", 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time
    source = make(path)
    assert parsed == ["town.csv", "town.csv"]
    assert "Born" in next(c.categories for c in source.columns if c.name == "town")


def test_a_test_set_counts_too(path: Path, parsed: list[str]) -> None:
    test_path = write_table(path.with_name("test.csv"), make_rows(40))
    before = load(make(path, test_path=test_path))
    assert load(make(path, test_path=test_path)) == before
    assert parsed == ["town.csv", "test.csv"]
    write_table(test_path, make_rows(30))
    assert len(make(path, test_path=test_path).load(ROOT, download=False)["test"]) == 30


def test_a_net_that_knows_its_columns_has_nothing_kept(path: Path, parsed: list[str]) -> None:
    source = make(path)
    load(source)
    content = kept(path).read_bytes()
    known = KnownTable(source.columns[:1], source.class_names, "the net")
    with reading_tables_for(lambda: known):
        other = Table(path, "bought", missing=["?"])
    other.load(ROOT, download=False)
    other.keep()
    assert parsed == ["town.csv", "town.csv"]
    assert other.columns == source.columns[:1]
    assert kept(path).read_bytes() == content


def test_what_is_torn_is_made_anew(path: Path, parsed: list[str]) -> None:
    before = load(make(path))
    whole = kept(path).read_bytes()
    kept(path).write_bytes(whole[: len(whole) // 2])
    assert load(make(path)) == before
    assert load(make(path)) == before
    assert parsed == ["town.csv", "town.csv"]


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "no columns": lambda content: content.pop("columns"),
    "columns of numbers": lambda content: content.update(columns=[1, 2]),
    "a column of another kind": lambda content: content["columns"][0].update(kind="x"),
    "notes of nothing": lambda content: content.update(notes=None),
    "a column too few": lambda content: content["columns"].pop(),
    "a class too few": lambda content: content["class_names"].pop(),
    "numbers for classes": lambda content: content.update(class_names=[]),
    "one tensor": lambda content: content["parts"].update(train=(torch.zeros(2),)),
    "no part": lambda content: content.update(parts={}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_does_not_fit_is_made_anew(
    path: Path, parsed: list[str], spoil: Callable[[dict[str, Any]], object]
) -> None:
    before = load(make(path))
    content = torch.load(kept(path), weights_only=True)
    spoil(content)
    torch.save(content, kept(path))
    assert load(make(path)) == before
    assert parsed == ["town.csv", "town.csv"]


def test_nothing_in_it_is_run(path: Path, parsed: list[str], tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"key": Runs()}, kept(path))
    load(make(path))
    assert not (tmp_path / "ran").exists()
    assert parsed == ["town.csv"]


def test_a_full_disk_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(content: object, file: Path) -> None:
        file.write_bytes(b"half of it")
        raise RuntimeError("unexpected pos 64 vs 0")  # torch's way of saying it

    monkeypatch.setattr(torch, "save", fail)
    load(make(path))
    assert [*path.parent.iterdir()] == [path]


def test_who_may_not_read_the_table_may_not_read_what_is_kept(path: Path) -> None:
    path.chmod(0o640)
    load(make(path))
    assert kept(path).stat().st_mode & 0o777 == 0o640


def test_a_file_that_changed_while_it_was_read_is_not_kept(path: Path) -> None:
    source = make(path)
    with path.open("a") as file:
        file.write("\n")
    load(source)
    assert not kept(path).exists()


@pytest.mark.parametrize("may_write", [True, False])
def test_a_path_that_nobody_typed_has_nothing_kept(path: Path, may_write: bool) -> None:
    """The command line says so once the data are made, which reads a table."""
    with pytest.warns(MLPLabWarning, match="left out"):
        data = LabDataModule(Table(path, "bought", missing=["?"]))
    data.source.may_write = may_write
    data.prepare_data()
    assert kept(path).exists() is may_write


def test_a_small_table_is_not_worth_it(tmp_path: Path) -> None:
    path = write_table(tmp_path / "town.csv", make_rows())
    load(make(path))
    assert [*tmp_path.iterdir()] == [path]
