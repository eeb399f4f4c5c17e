"""test_samples.npz: some samples of the test set, spread over the classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import datasets

from mlp_lab.callbacks.samples_file import spread_rows
from mlp_lab.runs.samples import KeptSamples
from tests.conftest import CommandLine


def test_samples_are_those_of_the_source(digits_run: Path) -> None:
    found = KeptSamples.read(digits_run / "test_samples.npz")
    digits = datasets.load_digits()
    assert found.inputs.shape == (32, 1, 8, 8)
    assert found.inputs.dtype == np.uint8
    assert found.inputs[:, 0] == pytest.approx(digits.images[found.indices] * 255 / 16, abs=1)
    np.testing.assert_array_equal(found.labels, digits.target[found.indices])
    assert np.bincount(found.labels).tolist() == [4, 4] + [3] * 8
    assert (digits_run / "test_samples.npz").stat().st_size < 4000


def test_targets_are_kept_too(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    run = mlp_lab("fit", *words).run_dir
    found = KeptSamples.read(run / "test_samples.npz")
    assert (found.inputs.shape, found.labels.shape) == ((10, 1), (10, 1))
    assert np.abs(np.corrcoef(found.inputs[:, 0], found.labels[:, 0])[0, 1]) > 0.5


def test_a_class_that_is_rare_is_among_them() -> None:
    labels = torch.tensor([3, 0, 0, 0, 3, 0, 1])
    assert spread_rows(labels, 4).tolist() == [1, 6, 0, 2]
    assert spread_rows(labels, 9).tolist() == [1, 6, 0, 2, 4, 3, 5]
    assert spread_rows(torch.zeros(5, 2), 3).tolist() == [0, 1, 2]
