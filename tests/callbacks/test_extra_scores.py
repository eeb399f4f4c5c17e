"""Scores beside those of the loops: of the untrained net, and on the training set."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.callbacks import TrainingSetScores, UntrainedScores
from mlp_lab.data import LabDataModule, Moons
from mlp_lab.files.atomic import write_json
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer


@pytest.fixture
def data(tmp_path: Path) -> LabDataModule:
    data = LabDataModule(Moons(num_samples=100), root=tmp_path)
    data.prepare_data()
    data.setup("fit")
    return data


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> ClassificationTask:
    """A task that answers with the second class always."""
    task = ClassificationTask((2,), 2)
    monkeypatch.setattr(task, "forward", lambda x: torch.tensor([[0.0, 1.0]]).repeat(len(x), 1))
    return task


def trainer_of(data: LabDataModule | None, task: ClassificationTask, **attributes: Any) -> Any:
    limits = {"limit_test_batches": 1.0, "limit_train_batches": 1.0}
    task._trainer = fake_trainer(datamodule=data, **limits | attributes)
    return task._trainer


def test_test_and_training_set_are_scored(
    data: LabDataModule, task: ClassificationTask, tmp_path: Path
) -> None:
    trainer = trainer_of(data, task)
    UntrainedScores(tmp_path).on_fit_start(trainer, task)
    TrainingSetScores().on_test_start(trainer, task)
    for scores, samples in (
        (task.scores["test_before"], data.subsets["test"]),
        (task.scores["train_eval"], data.subsets["train"]),
    ):
        labels = samples.labels
        counts = torch.bincount(labels, minlength=2).tolist()
        assert scores.confusion is not None
        assert scores.confusion.tolist() == [[0, counts[0]], [0, counts[1]]]
        assert scores.metrics["acc"] == pytest.approx(counts[1] / len(labels))


@pytest.mark.parametrize("limit", [1, 0.5, 0, 1.0])
def test_a_part_is_not_scored(
    data: LabDataModule, task: ClassificationTask, tmp_path: Path, limit: float
) -> None:
    """1 is one batch, and 1.0 is all of them."""
    trainer = trainer_of(data, task, limit_test_batches=limit, limit_train_batches=limit)
    UntrainedScores(tmp_path).on_fit_start(trainer, task)
    TrainingSetScores().on_test_start(trainer, task)
    is_whole = type(limit) is float and limit == 1
    assert set(task.scores) == ({"test_before", "train_eval"} if is_whole else set())


@pytest.mark.parametrize("trained", [{"is_global_zero": False}, {"datamodule": None}])
def test_other_processes_and_other_data_score_nothing(
    data: LabDataModule, task: ClassificationTask, tmp_path: Path, trained: dict[str, Any]
) -> None:
    trainer = trainer_of(data, task)
    vars(trainer).update(trained)
    UntrainedScores(tmp_path).on_fit_start(trainer, task)
    TrainingSetScores().on_test_start(trainer, task)
    assert task.scores == {}


def test_a_resumed_run_takes_them_from_its_metrics(
    data: LabDataModule, task: ClassificationTask, tmp_path: Path
) -> None:
    trainer = trainer_of(data, task, ckpt_path="last.ckpt")
    UntrainedScores(tmp_path).on_fit_start(trainer, task)
    assert task.scores == {}
    before = {"acc": 0.25, "confusion": [[1, 2], [3, 4]]}
    write_json(tmp_path / "metrics.json", {"test_before": before})
    UntrainedScores(tmp_path).on_fit_start(trainer, task)
    scores = task.scores["test_before"]
    assert scores.metrics == {"acc": 0.25}
    assert scores.confusion is not None
    assert scores.confusion.tolist() == [[1, 2], [3, 4]]
    assert scores.class_names == data.class_names
