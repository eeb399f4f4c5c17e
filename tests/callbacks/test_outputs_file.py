"""test_outputs.npz: what metrics.json says of the test, sample by sample."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets, metrics

from mlp_lab.runs.outputs import Outputs
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics


def test_probabilities_explain_the_accuracy(digits_run: Path) -> None:
    found = Outputs.read(digits_run / "test_outputs.npz")
    assert found.outputs.shape == (359, 10)
    np.testing.assert_allclose(found.outputs.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.labels, datasets.load_digits().target[found.indices])
    accuracy = metrics.accuracy_score(found.labels, found.outputs.argmax(1))
    assert read_metrics(digits_run)["test/acc"] == pytest.approx(accuracy)


def test_predicted_targets_have_their_own_units(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    run = mlp_lab("fit", *words, "--figures=false", "--onnx=false").run_dir
    found = Outputs.read(run / "test_outputs.npz")
    assert found.outputs.shape == found.labels.shape
    error = metrics.root_mean_squared_error(found.labels, found.outputs)
    assert read_metrics(run)["test/rmse"] == pytest.approx(error, rel=1e-5)


def test_part_of_a_test_leaves_none(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--trainer.limit_test_batches=0.5"]
    run = mlp_lab("fit", *words, "--figures=false", "--onnx=false").run_dir
    assert not (run / "test_outputs.npz").exists()
