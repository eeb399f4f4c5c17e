import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlp_lab.errors import WriteError
from mlp_lab.files.atomic import append_text, keep_to, let_go, replacing, write_json, write_text


def test_content_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_text(path, "old")
    write_text(path, "neu: ö\n")
    assert path.read_bytes() == b"neu: \xc3\xb6\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_text, append_text])
def test_no_other_directory_of_a_name_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path("run")
    run.mkdir()
    keep_to(run)
    write(run / "file.txt", "one")
    run.rename("moved")
    for _ in range(2):  # it is gone, then there is another one
        with pytest.raises(WriteError, match="run' was renamed or removed while it was written to"):
            write(tmp_path / "run" / "file.txt", "two")
        run.mkdir(exist_ok=True)
        assert list(run.iterdir()) == []
    let_go(run)
    write(run / "file.txt", "three")
    assert Path("moved", "file.txt").read_text() == "one"


@pytest.mark.parametrize("another", [False, True])
def test_a_directory_that_is_renamed_within_a_write_is_named(tmp_path: Path, another: bool) -> None:
    run = tmp_path / "run"
    run.mkdir()
    keep_to(run)

    def write_while_it_moves() -> None:
        with replacing(run / "file.txt") as part:
            part.write_text("half")
            run.rename(tmp_path / "moved")
            if another:
                run.mkdir()

    with pytest.raises(WriteError, match="run' was renamed or removed while it was written to"):
        write_while_it_moves()
    let_go(run)
    assert not (run / "file.txt").exists()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def write_half() -> None:
        with replacing(path) as part:
            part.write_text("ne")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_the_order_and_the_letters(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": "ハ", "a": [1]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["b", "a"]
    assert "ハ" in text
