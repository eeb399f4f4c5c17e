import json
from pathlib import Path

import pytest

from mlp_lab.atomic import make_directory, replacing, write_json, write_text
from mlp_lab.errors import WriteError


def test_content_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    make_directory(path.parent)
    write_text(path, "old")
    write_text(path, "neu: ö\n")
    assert path.read_bytes() == b"neu: \xc3\xb6\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"run/file.txt' could not be written: No such file or"):
        write_text(tmp_path / "run" / "file.txt", "new")
    with pytest.raises(WriteError, match="run/plots' can be made: No such file or directory"):
        make_directory(tmp_path / "run" / "plots", parents=False)
    assert list(tmp_path.iterdir()) == []


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
