from pathlib import Path

import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.images import images_below, images_in
from mlp_lab.images.find import raise_unreadable


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_image_files_of_one_directory(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "B.JPeG", "two.dots.tif", "notes.txt", "png", "below/c.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nothing.png")
    found = {path.relative_to(tmp_path).as_posix() for path in images_in(tmp_path)}
    # A file called "png" has no suffix, but ends as one would: it is opened, and judged then.
    assert found == {"a.png", "B.JPeG", "two.dots.tif", "png", "link.png"}
    assert images_in(tmp_path / "none") == []


def test_image_files_below_a_directory_in_the_order_of_their_paths(tmp_path: Path) -> None:
    make(tmp_path, "b.png", "a/z.png", "a/k/c.gif", "a-1.png", "a/notes.txt")
    found = [path.relative_to(tmp_path).as_posix() for path in images_below(tmp_path)]
    assert found == ["a/k/c.gif", "a/z.png", "a-1.png", "b.png"]


def test_a_directory_that_cannot_be_listed_is_refused() -> None:
    with pytest.raises(ChecksumError, match="'photos' cannot be read: Permission denied"):
        raise_unreadable(PermissionError(13, "Permission denied", "photos"))
