"""Lightning's way around a backward pass is left out only where nobody would notice."""

from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor

from mlp_lab.data import LabDataModule, Moons
from mlp_lab.tasks import ClassificationTask


class HearsBefore(pl.Callback):
    def on_before_backward(self, *_: Any) -> None: ...


class HearsAfter(pl.Callback):
    def on_after_backward(self, *_: Any) -> None: ...


class OwnBackward(ClassificationTask):
    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so


class OwnHook(ClassificationTask):
    def on_after_backward(self) -> None: ...


@pytest.mark.parametrize(
    ("expected", "kind", "settings"),
    [
        (True, ClassificationTask, {}),
        (True, ClassificationTask, {"callbacks": [pl.Callback()]}),
        (False, ClassificationTask, {"callbacks": [pl.Callback(), HearsBefore()]}),
        (False, ClassificationTask, {"callbacks": [HearsAfter()]}),
        (False, ClassificationTask, {"precision": "bf16-mixed"}),
        (False, ClassificationTask, {"strategy": "ddp"}),
        (False, OwnBackward, {}),
        (False, OwnHook, {}),
    ],
)
def test_who_hears_of_a_backward_pass(
    expected: bool, kind: type[ClassificationTask], settings: dict[str, Any]
) -> None:
    task = kind((2,), 2)
    task.trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=1, **settings
    )
    assert task._is_plain() is expected


class CountsSteps(pl.Callback):
    num_steps = 0

    def on_before_optimizer_step(self, *_: Any) -> None:
        self.num_steps += 1


def test_who_hears_is_found_out_at_each_training() -> None:
    task, counts = ClassificationTask((2,), 2), CountsSteps()
    listeners: list[list[pl.Callback]] = [[], [counts]]
    for callbacks in listeners:
        data = LabDataModule(Moons(), batch_size=64, steps_per_execution=4)
        trainer = pl.Trainer(
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            max_epochs=1,
            callbacks=callbacks,
        )
        trainer.fit(task, datamodule=data)
    assert counts.num_steps == data.steps_per_epoch > 4


class Plain(torch.optim.Optimizer):
    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        super().__init__(parameters, {})


class OwnGradients(Plain):
    def zero_grad(self, set_to_none: bool = True) -> None: ...


@pytest.mark.parametrize(("kind", "expected"), [(Plain, True), (OwnGradients, False)])
def test_an_optimizer_of_ones_own_may_drop_gradients(kind: type[Plain], expected: bool) -> None:
    task = ClassificationTask((2,), 2)
    task.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    task.trainer.strategy.optimizers = [kind(task.parameters())]
    assert task._is_plain() is expected
