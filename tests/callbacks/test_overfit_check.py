"""One batch is learnt by heart, or not: with nothing that would keep a net from it."""

import pytest
from torch import nn

from mlp_lab.callbacks import OverfitCheck, StepMetrics
from mlp_lab.nets import MLP
from mlp_lab.tasks import BinaryTask, ClassificationTask, RegressionTask, Task
from tests.helpers.training import fake_trainer


def judge(task: Task, num_batches: int = 1, **means: float) -> OverfitCheck:
    steps = StepMetrics()
    steps.epoch_means = {f"train/{key}": value for key, value in means.items()}
    check = OverfitCheck(steps)
    trainer = fake_trainer(num_training_batches=num_batches, current_epoch=100)
    check.on_train_end(trainer, task)
    return check


def test_the_verdict_gives_what_was_reached_and_what_is_wanted() -> None:
    check = judge(ClassificationTask((2,), 2), loss=0.001, acc=1.0)
    assert check.passed
    assert check.verdict == (
        "overfit check passed: train loss 0.0010 (wanted under 0.05), train accuracy 1.0000 "
        "(wanted at least 1) after 100 epochs on the same batch"
    )


@pytest.mark.parametrize(
    ("task", "means"),
    [
        (ClassificationTask((2,), 2), {"loss": 0.001, "acc": 0.999}),
        (ClassificationTask((2,), 2), {"loss": 0.5, "acc": 1.0}),
        (BinaryTask((2,), 2), {"loss": 0.5, "acc": 1.0}),
    ],
)
def test_one_goal_that_is_missed_fails(task: Task, means: dict[str, float]) -> None:
    check = judge(task, num_batches=3, **means)
    assert not check.passed
    assert check.verdict.startswith("overfit check failed: ")
    assert check.verdict.endswith(" after 100 epochs on the same 3 batches")


def test_a_regression_has_goals_of_its_own() -> None:
    for r2, passed in ((0.95, True), (0.94, False)):
        check = judge(RegressionTask((2,), 1), r2=r2)
        assert check.passed == passed
        assert f": train R² {r2:.4f} (wanted at least 0.95) after" in check.verdict


def test_dropout_and_label_smoothing_are_off() -> None:
    def net(input_shape: tuple[int, ...], num_outputs: int) -> MLP:
        return MLP(input_shape, num_outputs, dropout=0.5, batch_norm="before")

    task = ClassificationTask((2,), 2, net=net, label_smoothing=0.1)
    check = OverfitCheck(StepMetrics())
    task.train()
    check.on_train_start(fake_trainer(), task)
    check.on_train_epoch_start(fake_trainer(), task)
    assert isinstance(task.loss, nn.CrossEntropyLoss)
    assert task.loss.label_smoothing == 0
    modes = {type(module): module.training for module in task.modules()}
    assert (modes[nn.Dropout], modes[nn.BatchNorm1d], modes[MLP]) == (False, True, True)
