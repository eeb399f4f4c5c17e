"""Calibration against TorchMetrics."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from mlp_lab.evaluation.calibration import calibrate
from tests.helpers.guesses import guesses


def test_calibration_is_torchmetrics() -> None:
    probabilities, labels = guesses(1000, 5)
    found = calibrate(probabilities, labels)
    expected = multiclass_calibration_error(probabilities, labels, 5, n_bins=15, norm="l1")
    assert found.error == pytest.approx(expected.item(), abs=1e-6)
    assert found.counts.sum() == 1000
    filled = found.counts > 0
    edges = np.arange(16) / 15
    assert (found.confidence[filled] >= edges[:-1][filled]).all()
    assert (found.confidence[filled] <= edges[1:][filled]).all()


def test_certainty_belongs_to_the_last_bin() -> None:
    found = calibrate(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    assert found.counts.tolist() == [0] * 14 + [2]
    assert (found.accuracy[-1], found.error) == (0.5, 0.5)
