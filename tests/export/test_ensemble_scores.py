"""How good an ensemble and its members are: computed by hand."""

import numpy as np
import pytest
from scipy import stats

from mlp_lab.export.ensemble_scores import score_ensemble

# Four samples of two classes. The first is right on 0, 1 and 2, the second on 0 and 3; their means
# are 0.8, 0.55, 0.45 and 0.6 for the right class, so that of the mean is right on 0, 1 and 3.
LABELS = np.array([0, 0, 1, 1])
RIGHT = np.array([[0.9, 0.8, 0.7, 0.4], [0.7, 0.3, 0.2, 0.8]])
MEMBERS = [
    np.where(LABELS[:, None] == [0, 1], share[:, None], 1 - share[:, None]) for share in RIGHT
]


def test_classes_are_right_or_wrong() -> None:
    test, interval, gain, each = score_ensemble(MEMBERS, LABELS, "acc")
    assert test == 0.75  # 3 of 4
    expected = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert interval == pytest.approx((expected.low, expected.high))
    assert gain.mean == pytest.approx(0.125)  # over the mean of 3 and 2 of 4
    assert [score for score, _ in each] == [0.75, 0.5]
    assert [gain.mean for _, gain in each] == [0.0, 0.25]


def test_the_interval_of_a_gain_is_students_over_the_samples() -> None:
    # The ensemble less the mean of its members, sample by sample: 0, 1/2, -1/2, 1/2.
    expected = stats.ttest_1samp([0, 0.5, -0.5, 0.5], 0).confidence_interval(0.95)
    _, _, gain, _ = score_ensemble(MEMBERS, LABELS, "acc")
    assert gain.interval == pytest.approx((expected.low, expected.high))
    _, _, gain, _ = score_ensemble(MEMBERS[:1], LABELS, "acc")
    assert (gain.mean, gain.interval) == (0.0, None)  # no sample differs from another
    one = [member[:1] for member in MEMBERS]
    assert score_ensemble(one, LABELS[:1], "acc")[2].interval is None


def test_errors_of_targets_are_squared_and_fewer_are_a_gain() -> None:
    targets = np.array([[0.0, 0.0], [1.0, 1.0]])
    members = [np.array([[1.0, 1.0], [1.0, 2.0]]), np.array([[-1.0, 1.0], [1.0, 1.0]])]
    # Errors of the mean: (0, 1) and (0, 0.5); squared, averaged over both targets: 0.5 and 0.125.
    test, interval, gain, each = score_ensemble(members, targets, "mse")
    assert test == pytest.approx(0.3125)
    expected = stats.ttest_1samp([0.5, 0.125], 0).confidence_interval(0.95)
    assert interval == pytest.approx((expected.low, expected.high))
    assert [score for score, _ in each] == pytest.approx([0.75, 0.5])
    assert gain.mean == pytest.approx(0.625 - test)
