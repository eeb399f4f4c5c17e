"""Calibration against TorchMetrics, temperatures against numbers by hand and scikit-learn."""

import math
from typing import Any

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.utils.fixes import parse_version
from torchmetrics.functional.classification import multiclass_calibration_error

from mlp_lab.evaluation.calibration import (
    fit_temperature,
    measure_calibration,
    negative_log_likelihood,
)
from tests.helpers.guesses import guesses


class Logits(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A classifier whose inputs are its logits already."""

    def __init__(self, classes_: Any) -> None:
        self.classes_ = classes_

    def fit(self, *_: object) -> "Logits":
        return self

    def predict(self, logits: Any) -> Any:
        return logits.argmax(1)

    def decision_function(self, logits: Any) -> Any:
        """Of two classes half the difference, which scikit-learn takes for the second's logit."""
        return (logits[:, 1] - logits[:, 0]) / 2 if len(self.classes_) == 2 else logits


def test_calibration_is_torchmetrics() -> None:
    probabilities, labels = guesses(1000, 5)
    found = measure_calibration(probabilities, labels)
    expected = multiclass_calibration_error(probabilities, labels, 5, n_bins=15, norm="l1")
    assert found.error == pytest.approx(expected.item(), abs=1e-6)
    assert found.counts.sum() == 1000
    filled = found.counts > 0
    edges = np.arange(16) / 15
    assert (found.confidence[filled] >= edges[:-1][filled]).all()
    assert (found.confidence[filled] <= edges[1:][filled]).all()


def test_certainty_belongs_to_the_last_bin() -> None:
    found = measure_calibration(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    assert found.counts.tolist() == [0] * 14 + [2]
    assert (found.accuracy[-1], found.error) == (0.5, 0.5)


def test_a_temperature_by_hand() -> None:
    """Three of four right at logits of 2 and 0: they are to say 3/4, so 2/T is ln 3, or ln 6."""
    outputs = torch.tensor([[2.0], [2.0], [2.0], [-2.0]])
    found = fit_temperature(outputs, torch.tensor([1, 1, 0, 0]))
    assert found == pytest.approx(2 / math.log(3))
    outputs = torch.tensor([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0], [2.0, 0, 0]])
    found = fit_temperature(outputs, torch.tensor([0, 1, 2, 1]))
    assert found is not None
    assert found == pytest.approx(2 / math.log(6))
    loss = negative_log_likelihood(outputs / found, torch.tensor([0, 1, 2, 1]))
    assert loss == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 8)) / 4)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="temperature scaling came with scikit-learn 1.8",
)
@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_temperature_is_scikit_learns(num_classes: int) -> None:
    probabilities, labels = guesses(500, num_classes)
    logits = 3 * probabilities.double().log()
    classifier = FrozenEstimator(Logits(classes_=np.arange(num_classes)))
    theirs = CalibratedClassifierCV(classifier, method="temperature")
    expected = theirs.fit(logits.numpy(), labels.numpy()).predict_proba(logits.numpy())
    found = fit_temperature(logits, labels)
    assert found is not None
    np.testing.assert_allclose((logits / found).softmax(1), expected, atol=1e-5)
    if num_classes == 2:  # the same by one logit
        single = logits[:, 1:] - logits[:, :1]
        assert fit_temperature(single, labels) == pytest.approx(found, rel=1e-6)


def test_it_is_the_least_of_all_and_needs_both_sides() -> None:
    probabilities, labels = guesses(500, 4)
    logits = probabilities.log() * 0.4
    found = fit_temperature(logits, labels)
    assert found is not None
    least = negative_log_likelihood(logits / found, labels)
    for factor in (0.98, 1.02):
        assert negative_log_likelihood(logits / (factor * found), labels) > least
    assert fit_temperature(logits, logits.argmax(1)) is None  # 0 would be the best
    assert fit_temperature(logits, logits.argmin(1)) is None  # and infinity here
