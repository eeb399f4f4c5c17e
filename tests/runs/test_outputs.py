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
        ({"outputs": np.zeros((2, 2)), "labels": np.zeros(2)}, "holds no indices of samples"),
        (
            {"outputs": np.zeros((2, 2)), "labels": np.zeros(3), "indices": np.zeros(2)},
            r"arrays of the shapes \(\(2, 2\), \(3,\), \(2,\)\)",
        ),
    ],
)
def test_what_is_no_file_of_outputs_is_refused(
    tmp_path: Path, arrays: dict[str, Any], words: str
) -> None:
    np.savez(tmp_path / "outputs.npz", **arrays)
    with pytest.raises(ChecksumError, match=words):
        Outputs.read(tmp_path / "outputs.npz")
