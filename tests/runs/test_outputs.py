"""outputs.npz: written whole, read as it was, and refused where it holds something else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.runs.outputs import Outputs


def test_outputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    Outputs(probabilities, np.array([1, 0]), np.array([3, 7])).write(tmp_path / "outputs.npz")
    found = Outputs.read(tmp_path / "outputs.npz")
    assert found.outputs.dtype == np.float32
    np.testing.assert_array_equal(found.outputs, probabilities)
    np.testing.assert_array_equal(found.labels, [1, 0])
    np.testing.assert_array_equal(found.indices, [3, 7])
    assert [path.name for path in tmp_path.iterdir()] == ["outputs.npz"]


def test_files_of_samples_are_kept(tmp_path: Path) -> None:
    zeros, files = np.zeros((2, 1), dtype=np.float32), np.array(["ä/b.png", "c\udce4.png"])
    Outputs(zeros, zeros, np.arange(2), files).write(tmp_path / "outputs.npz")
    found = Outputs.read(tmp_path / "outputs.npz")
    assert found.files is not None
    assert found.files.tolist() == files.tolist()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"indices": None}, "holds no indices of samples"),
        (
            {"labels": np.zeros(3)},
            r"arrays of the shapes \(\(2, 2\), \(3,\), \(2,\)\)",
        ),
        ({"indices": np.zeros((2, 1), int)}, "arrays of the shapes"),
        ({"indices": np.array(3)}, "arrays of the shapes"),
        ({"indices": np.zeros(2)}, "holds no predictions of samples"),
        ({"outputs": np.array([["a"], ["b"]])}, "holds no predictions of samples"),
        ({"outputs": np.full((2, 2), np.nan)}, "holds no predictions of samples"),
        ({"labels": np.array([0, 2])}, "holds no predictions of samples"),
        ({"labels": np.zeros((2, 1))}, "holds no predictions of samples"),
        ({"files": np.arange(2)}, "holds no predictions of samples"),
    ],
)
def test_what_is_no_file_of_outputs_is_refused(
    tmp_path: Path, arrays: dict[str, Any], words: str
) -> None:
    sound = {"outputs": np.zeros((2, 2)), "labels": np.arange(2), "indices": np.arange(2)}
    found = {name: array for name, array in (sound | arrays).items() if array is not None}
    np.savez(tmp_path / "outputs.npz", **found)
    with pytest.raises(ChecksumError, match=words):
        Outputs.read(tmp_path / "outputs.npz")
