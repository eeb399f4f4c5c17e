"""Lightning's way around a backward pass is left out only where nobody would notice."""

from typing import Any

import lightning.pytorch as pl
import pytest
from torch import Tensor

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
    task.on_train_start()
    assert task._steps_plainly is expected
