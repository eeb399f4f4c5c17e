"""test_samples.npz, read back and damaged."""

from pathlib import Path

import numpy as np
import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.runs.samples import KeptSamples


def test_samples_are_read_as_they_were_written(tmp_path: Path) -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    written = KeptSamples(inputs, np.asarray([1, 0, 2]), np.asarray([7, 8, 9]))
    written.write(tmp_path / "s.npz")
    found = KeptSamples.read(tmp_path / "s.npz")
    for name, array in vars(written).items():
        np.testing.assert_array_equal(getattr(found, name), array)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, inputs=np.zeros((2, 3)), labels=np.zeros(2))
    with pytest.raises(ChecksumError, match="holds no indices of samples"):
        KeptSamples.read(path)
    np.savez(path, inputs=np.zeros((2, 3)), labels=np.zeros(2), indices=np.zeros(3))
    with pytest.raises(ChecksumError, match="holds arrays of the shapes"):
        KeptSamples.read(path)
    np.savez(path, inputs=np.float64(3), labels=np.zeros(2), indices=np.zeros(2))
    with pytest.raises(ChecksumError, match="holds arrays of the shapes"):
        KeptSamples.read(path)
    path.write_bytes(b"PK\3\4")
    with pytest.raises(ChecksumError, match="is torn"):
        KeptSamples.read(path)
