"""numpy's archives: numbers as torch knows them, and no objects."""

from pathlib import Path

import numpy as np
import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.files.npz_file import load_npz


def test_numbers_come_in_this_machines_byte_order(tmp_path: Path) -> None:
    big = np.array([1, 2], ">i4")
    long = np.array([1.5, np.longdouble("1e4000")], np.longdouble)
    np.savez(tmp_path / "x.npz", big=big, long=long, names=np.array(["a", "ö"]))
    arrays = load_npz(tmp_path / "x.npz")
    assert list(arrays) == ["big", "long", "names"]
    assert (arrays["big"].dtype, arrays["big"].tolist()) == (np.dtype("=i4"), [1, 2])
    assert (arrays["long"].dtype, arrays["long"].tolist()) == (np.dtype("=f8"), [1.5, np.inf])
    assert arrays["names"].tolist() == ["a", "ö"]


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.array([{}], object))
    with pytest.raises(ChecksumError, match=r"x.npz' holds pickled objects; that could run any"):
        load_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("size", [0, 10, 150])
def test_a_torn_file_is_named(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros(100))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ChecksumError, match=r"x.npz' is torn, or no file of arrays: "):
        load_npz(path)
