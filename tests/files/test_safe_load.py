"""Tensors and plain types are read; anything else is refused and never run."""

from pathlib import Path

import pytest
import torch

from mlp_lab.errors import ChecksumError
from mlp_lab.files.safe_load import load_plain
from tests.helpers.hostile import MakesDirectory


@pytest.mark.parametrize("mmap", [False, True])
def test_reads_what_was_saved(tmp_path: Path, mmap: bool) -> None:
    torch.save({"x": torch.arange(3.0), "names": ["a"], "none": None}, tmp_path / "x.pt")
    content = load_plain(tmp_path / "x.pt", mmap=mmap)
    assert content["x"].tolist() == [0, 1, 2]
    assert (content["names"], content["none"]) == (["a"], None)


def test_a_pickled_object_is_not_made(tmp_path: Path) -> None:
    torch.save({"x": MakesDirectory(tmp_path / "made")}, tmp_path / "x.pt")
    with pytest.raises(ChecksumError, match=r"x.pt' is no file of tensors and plain types alone"):
        load_plain(tmp_path / "x.pt")
    assert not (tmp_path / "made").exists()


def test_what_is_no_such_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with pytest.raises(FileNotFoundError):
        load_plain(path)
    torch.save({"x": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ChecksumError, match="is torn, or no file of tensors at all"):
        load_plain(path)
    torch.save([1], path)
    with pytest.raises(ChecksumError, match="holds a list and no dict"):
        load_plain(path)


@pytest.mark.parametrize("nested", [False, True])
def test_a_tensor_that_claims_too_much_is_refused(tmp_path: Path, nested: bool) -> None:
    large = torch.zeros(1).expand(10, 10)
    torch.save({"x": [{"y": (large,)}] if nested else large}, tmp_path / "x.pt")
    with pytest.raises(ChecksumError, match=r"claims a tensor of shape \(10, 10\), and has 1 num"):
        load_plain(tmp_path / "x.pt")
