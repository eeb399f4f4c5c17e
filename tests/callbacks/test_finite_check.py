"""What is not finite stops a training, by name and with its place."""

from typing import Any

import pytest
import torch

from mlp_lab.callbacks import FiniteCheck
from mlp_lab.callbacks.finite_check import require_finite_steps
from mlp_lab.errors import DivergenceError
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer

HOOKS = [("on_validation_end", "in epoch 2"), ("on_train_epoch_end", "after epoch 2")]


def check(hook: str, task: ClassificationTask, **metrics: float) -> None:
    scores: dict[str, Any] = {key: torch.tensor(value) for key, value in metrics.items()}
    getattr(FiniteCheck(), hook)(fake_trainer(current_epoch=1, callback_metrics=scores), task)


@pytest.mark.parametrize(("hook", "where"), HOOKS)
def test_metrics_and_weights_are_checked(hook: str, where: str) -> None:
    task = ClassificationTask((2,), 2)
    check(hook, task, loss=0.5)
    with pytest.raises(DivergenceError, match=f"^Training diverged: acc is inf {where}. best.ckpt"):
        check(hook, task, loss=0.5, acc=float("inf"))
    with torch.no_grad():
        next(task.parameters())[0, 0] = float("nan")
    with pytest.raises(DivergenceError, match=f"diverged: a weight is not finite {where}."):
        check(hook, task, loss=0.5)


def test_the_first_step_that_is_not_finite_is_named() -> None:
    rows = {7: {"lr": 0.1, "train/loss": 1.0}, 8: {"train/loss": float("nan")}, 9: {"lr": 1e400}}
    require_finite_steps({7: rows[7]})
    with pytest.raises(DivergenceError, match=r"train/loss is nan at step 8\. .* lower --model.op"):
        require_finite_steps(rows)
