"""What an ensemble gains: computed by hand, written, read back, and damaged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mlp_lab.errors import ChecksumError
from mlp_lab.report.ensemble import (
    EnsembleSummary,
    Gain,
    MemberScores,
    find_ensembles,
    read_ensemble,
    score_ensemble,
    score_samples,
    scores_path,
)

# Four samples of two classes. The first is right on 0, 1 and 2, the second on 0 and 3; their means
# are 0.8, 0.55, 0.45 and 0.6 for the right class, so that of the mean is right on 0, 1 and 3.
LABELS = np.array([0, 0, 1, 1])
RIGHT = np.array([[0.9, 0.8, 0.7, 0.4], [0.7, 0.3, 0.2, 0.8]])
MEMBERS = [
    np.where(LABELS[:, None] == [0, 1], share[:, None], 1 - share[:, None]) for share in RIGHT
]
SUMMARY = EnsembleSummary(
    model="ensemble.onnx",
    data="Digits",
    metric="acc",
    num_samples=360,
    validation=0.975,
    test=0.96875,
    mean=0.95,
    gain=Gain(0.01875, (0.005, 0.0325)),
    members=[
        MemberScores("digits/version_0", "ab", 0.97, 0.94, Gain(0.02875, (0.01, 0.0475))),
        MemberScores("digits/version_1", "cd", None, 0.96875, Gain(0.0, None)),
    ],
)


def test_classes_are_right_or_wrong() -> None:
    assert score_samples(MEMBERS[0], LABELS, "acc").tolist() == [1, 1, 1, 0]
    test, mean, gain, each = score_ensemble(MEMBERS, LABELS, "acc")
    assert (test, mean) == (0.75, 0.625)  # 3 of 4; the mean of 3 and 2 of 4
    assert gain.mean == pytest.approx(0.125)
    assert [score for score, _ in each] == [0.75, 0.5]
    assert [gain.mean for _, gain in each] == [0.0, 0.25]


def test_the_interval_is_students_over_the_samples() -> None:
    # The ensemble less the mean of its members, sample by sample: 0, 1/2, -1/2, 1/2.
    differences = np.array([0, 0.5, -0.5, 0.5])
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    _, _, gain, _ = score_ensemble(MEMBERS, LABELS, "acc")
    assert gain.interval == pytest.approx((expected.low, expected.high))
    assert Gain.of(np.zeros(5)) == Gain(0.0, None)


def test_errors_of_targets_are_squared_and_fewer_are_a_gain() -> None:
    targets = np.array([[0.0, 0.0], [1.0, 1.0]])
    members = [np.array([[1.0, 1.0], [1.0, 2.0]]), np.array([[-1.0, 1.0], [1.0, 1.0]])]
    # Errors of the mean: (0, 1) and (0, 0.5); squared, averaged over both targets: 0.5 and 0.125.
    test, mean, gain, each = score_ensemble(members, targets, "mse")
    assert test == pytest.approx(0.3125)
    assert [score for score, _ in each] == pytest.approx([0.75, 0.5])
    assert mean == pytest.approx(0.625)
    assert gain.mean == pytest.approx(mean - test)


def test_the_table_ends_with_the_mean_and_the_ensemble() -> None:
    assert [list(row.values()) for row in SUMMARY.rows] == [
        ["digits/version_0", "97.00 %", "94.00 %", "+2.88 % (+1.00 to +4.75 %)"],
        ["digits/version_1", "", "96.88 %", "+0.00 %"],
        ["mean of the members", "", "95.00 %", "+1.88 % (+0.50 to +3.25 %)"],
        ["ensemble", "97.50 %", "96.88 %", ""],
    ]
    known = [replace(member, validation=0.96 + n / 50) for n, member in enumerate(SUMMARY.members)]
    assert replace(SUMMARY, members=known).rows[2]["validation accuracy"] == "97.00 %"
    assert SUMMARY.sentence == (
        "accuracy 96.88 % on 360 test samples, +1.88 % (+0.50 to +3.25 %) over the mean of its 2 "
        "members, 95.00 %"
    )


def test_it_is_read_back_beside_its_model(tmp_path: Path) -> None:
    model = tmp_path / "a" / "ensemble.onnx"
    SUMMARY.write(scores_path(model))
    assert find_ensembles([tmp_path / "a"]) == []  # the model is gone
    model.touch()
    assert read_ensemble(model) == SUMMARY
    (tmp_path / "a" / "model.onnx").touch()
    (tmp_path / "a" / "other.pth").touch()
    (tmp_path / "a" / "other.json").write_text("{}")
    assert find_ensembles([tmp_path / "a", tmp_path]) == [SUMMARY]
    model.with_suffix(".pth").touch()  # both are of the same members
    (pth,) = find_ensembles([tmp_path / "a"])
    assert replace(pth, model="ensemble.onnx") == SUMMARY


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": None},
        {"other": 1},
        {"test": "x"},
        {"members": None},
        {"members": [1]},
        {"gain": {"mean": 1.0, "interval": [1.0]}},
        {"num_samples": None},
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    model = tmp_path / "ensemble.onnx"
    SUMMARY.write(scores_path(model))
    content = json.loads(scores_path(model).read_text()) | changes
    scores_path(model).write_text(json.dumps(content))
    with pytest.raises(ChecksumError, match=r"ensemble\.json' is damaged\.$"):
        read_ensemble(model)
