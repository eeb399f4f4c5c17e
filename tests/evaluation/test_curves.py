"""Areas and curves against scikit-learn."""

from typing import get_args

import numpy as np
import pytest
import torch
from sklearn import metrics

from mlp_lab.evaluation.curves import Average, Curves, precision_recall_curves, roc_curves
from tests.helpers.guesses import guesses


@pytest.mark.parametrize("num_classes", [3, 7])
def test_areas_are_scikit_learns(num_classes: int) -> None:
    probabilities, labels = guesses(400, num_classes)
    names = [f"class {n}" for n in range(num_classes)]
    right = np.eye(num_classes)[labels]
    for function, score in (
        (roc_curves, metrics.roc_auc_score),
        (precision_recall_curves, metrics.average_precision_score),
    ):
        found = function(probabilities, labels, names)
        each = score(right, probabilities.numpy(), average=None)
        assert [found.classes[name].area for name in names] == pytest.approx(
            each.tolist(), abs=1e-6
        )
        for kind in get_args(Average):
            expected = score(right, probabilities.numpy(), average=kind)
            assert found.averages[kind].area == pytest.approx(expected, abs=1e-6)


def test_curves_go_from_one_end_to_the_other() -> None:
    probabilities, labels = guesses(5000, 3)
    found = roc_curves(probabilities, labels, ["a", "b", "c"])
    for curve in [*found.classes.values(), *found.averages.values()]:
        assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0, 1, 1)
        assert len(curve.x) <= 2000
        assert np.trapezoid(curve.y, curve.x) == pytest.approx(curve.area, abs=1e-3)


def test_of_two_classes_the_second_has_a_curve() -> None:
    probabilities, labels = guesses(100, 2)
    found = roc_curves(probabilities, labels, ["no", "yes"])
    assert list(found.classes) == ["yes"]
    assert found.averages == {}
    expected = metrics.roc_auc_score(labels, probabilities[:, 1])
    assert found.classes["yes"].area == pytest.approx(expected)


def test_a_class_that_is_not_there_has_no_curve() -> None:
    probabilities, labels = guesses(100, 4)
    labels[labels == 2] = 1
    names = ["a", "b", "c", "d"]
    found = precision_recall_curves(probabilities, labels, names)
    assert list(found.classes) == ["a", "b", "d"]
    assert found.averages["macro"].area < 1
    assert roc_curves(probabilities, torch.zeros(100).long(), names) == Curves()
