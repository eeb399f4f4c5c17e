"""What follows from a run's files."""

import json
from pathlib import Path

import pytest

from mlp_lab.report.run_files import read_summary
from mlp_lab.report.run_summary import is_number
from tests.report.helpers import change_manifest, write_regression, write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "base" / "version_0")


def test_the_worst_class_comes_first_with_what_it_is_predicted_as(run_dir: Path) -> None:
    worst, best = read_summary(run_dir).classes
    assert (worst.name, worst.predicted_as) == ("no", [("yes", 20)])
    assert (best.name, best.predicted_as) == ("yes", [])


@pytest.mark.parametrize(
    ("losses", "text"),
    [
        ((0.6, 0.4, 0.5), "epoch 2 of 3, at 0.4, and 0.5 at the end, while training loss went on"),
        ((0.6, 0.5, 0.4), "lowest in the last epoch, 3, at 0.4: training for longer may help"),
        ((0.6, 0.4, 0.401), "it has hardly changed since"),
        ((), "There is no validation loss"),
    ],
)
def test_overfitting_is_read_from_validation_loss(
    tmp_path: Path, losses: tuple[float, ...], text: str
) -> None:
    assert text in read_summary(write_run(tmp_path / "a" / "b", losses=losses)).overfitting


def test_noise_is_no_overfitting(run_dir: Path) -> None:
    path = run_dir / "metrics.csv"
    path.write_text(path.read_text().replace("3,3,0.333", "3,3,0.777"))
    assert "that is no overfitting" in read_summary(run_dir).overfitting


def test_the_gap_is_positive_where_training_samples_score_better(run_dir: Path) -> None:
    assert read_summary(run_dir).gap == pytest.approx(0.95 - 0.8)
    path = run_dir / "manifest.json"
    path.write_text(path.read_text().replace('"max"', '"min"'))
    assert read_summary(run_dir).gap == pytest.approx(0.8 - 0.95)


def test_entries_of_the_manifest_are_read(run_dir: Path) -> None:
    change_manifest(run_dir, data={"notes": ["a note"]})
    summary = read_summary(run_dir)
    assert summary.commit == "abc, with uncommitted changes"
    assert summary.net_info == {"class": "MLP", "parameters": 1234, "neurons": 5, "connections": 6}
    assert summary.hashes == {"data": "Digits", "split": "same", "test": "same"}
    assert (summary.num_samples, summary.notes) == ({"train": 10}, ["a note"])
    assert summary.flat_config["model.optimizer.lr"] == 0.001


def test_without_a_score_in_the_manifest_accuracy_is_it_where_there_is_one(run_dir: Path) -> None:
    (run_dir / "manifest.json").write_text("{}")
    summary = read_summary(run_dir)
    assert (summary.score, summary.metric, summary.highest_is_best) == ("val/acc", "acc", True)
    (run_dir / "metrics.csv").write_text("epoch,step,val/loss\n1,1,0.5\n")
    summary = read_summary(run_dir)
    assert (summary.score, summary.metric, summary.highest_is_best) == ("val/loss", "loss", False)


@pytest.mark.parametrize("confusion", [None, [], [[1, 2]], [[1, 2], [3]], [[1, 2], [3, "4"]]])
def test_a_malformed_confusion_matrix_is_left_out(run_dir: Path, confusion: object) -> None:
    path = run_dir / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"test/confusion": confusion}))
    summary = read_summary(run_dir)
    assert summary.confusion == []
    assert [entry.predicted_as for entry in summary.classes] == [[], []]


def test_only_numbers_that_a_float_holds_exactly_are_numbers() -> None:
    assert [is_number(v) for v in (1, 0.5, 2**53 - 1, 2**53, True, "1", None)] == [
        *(True, True, True, False, False, False, False),
    ]


@pytest.mark.parametrize(
    ("score", "shown"), [("val/loss", ["r2", "rmse", "loss"]), ("val/mae", ["mae"])]
)
def test_r2_and_rmse_sum_up_a_regression_that_its_loss_ranks(
    tmp_path: Path, score: str, shown: list[str]
) -> None:
    run = write_regression(tmp_path / "a" / "b")
    change_manifest(run, score={"metric": score, "mode": "min"})
    assert read_summary(run).shown_metrics == shown


def test_a_loss_of_classes_stands_alone(run_dir: Path) -> None:
    change_manifest(run_dir, score={"metric": "val/loss", "mode": "min"})
    assert read_summary(run_dir).shown_metrics == ["loss"]
