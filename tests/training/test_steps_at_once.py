"""How many steps run as one, and what stands against more than one."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler, Timer
from torch import Tensor, nn

from mlp_lab.callbacks import LearningRateSearch, SWAWeightAveraging
from mlp_lab.errors import ConfigError
from mlp_lab.nets import MLP, Net
from mlp_lab.settings import SETTINGS
from mlp_lab.tables import Column
from mlp_lab.tasks import ClassificationTask
from mlp_lab.training.checks import (
    STEPS_AT_ONCE,
    STEPS_OF_SMALL_NETS,
    find_steps_per_execution,
)
from mlp_lab.training.hardware import CONNECTIONS_PER_THREAD

TASK = ClassificationTask((2,), 2, net=partial(MLP, hidden_dims=[5]))
CONNECTIONS = 2 * 5 + 5 * 2
NEUTRAL = {
    key.removeprefix("trainer."): setting.neutral
    for key, setting in SETTINGS.items()
    if setting.neutral
}


def find_steps(
    wanted: int | None,
    *callbacks: pl.Callback,
    task: ClassificationTask = TASK,
    batch_size: int = 128,
    **trainer: Any,
) -> int:
    job: Any = SimpleNamespace(
        data=SimpleNamespace(steps_per_execution=wanted, batch_size=batch_size),
        trainer={
            "gradient_clip_val": None,
            **{key: values[0] for key, values in NEUTRAL.items()},
            **trainer,
        },
        user_callbacks=callbacks,
        task=task,
    )
    return find_steps_per_execution(job)


def test_as_many_as_are_wanted() -> None:
    assert [find_steps(wanted) for wanted in (1, 4)] == [1, 4]


def test_or_as_many_as_are_useful() -> None:
    """A net that a second thread would help takes fewer, for a bar that moves."""
    large = -(-CONNECTIONS_PER_THREAD // CONNECTIONS)
    assert find_steps(None, batch_size=large) == STEPS_AT_ONCE == 16
    assert find_steps(None, batch_size=large - 1) == 20
    assert find_steps(None) == STEPS_OF_SMALL_NETS == 128


@pytest.mark.parametrize(("batch_size", "steps"), [(62, 128), (125, 64), (100, 80), (1000, 16)])
def test_but_for_16_their_inputs_take_64_mb_at_most(batch_size: int, steps: int) -> None:
    wide = ClassificationTask((2000,), 2, net=partial(MLP, hidden_dims=[2]))
    assert find_steps(None, task=wide, batch_size=batch_size) == steps
    columns = [Column(f"{i}", "numeric", has_missing=True).plain() for i in range(1000)]
    flagged = ClassificationTask((1000,), 2, net=partial(MLP, hidden_dims=[2]), columns=columns)
    assert find_steps(None, task=flagged, batch_size=batch_size) == steps


class Uncounted(Net):
    """Has its weights in a layer of its own kind."""

    def __init__(self, input_shape: tuple[int, ...], num_outputs: int) -> None:
        super().__init__(input_shape, num_outputs)
        self.weight = nn.Parameter(torch.zeros(num_outputs, *input_shape))

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(inputs, self.weight)


def test_where_nobody_can_say_how_large_a_net_is_it_is_not_small() -> None:
    assert find_steps(None, task=ClassificationTask((2,), 2, net=Uncounted)) == STEPS_AT_ONCE


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in NEUTRAL.items() for v in vs])
def test_neutral_values_allow_several(key: str, value: Any) -> None:
    assert find_steps(None, **{key: value}) == STEPS_OF_SMALL_NETS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("accumulate_grad_batches", 2), ("fast_dev_run", 1)),
        *(("limit_train_batches", 1), ("limit_val_batches", 1), ("limit_val_batches", 0.5)),
        *(("max_steps", 10), ("min_steps", 0), ("overfit_batches", 1), ("val_check_interval", 1)),
    ],
)
def test_any_other_value_needs_single_steps(key: str, value: Any) -> None:
    """1 is one batch where 1.0 is all of them."""
    assert find_steps(None, **{key: value}) == 1
    assert find_steps(1, **{key: value}) == 1
    with pytest.raises(ConfigError, match=f"which trainer.{key} {value} does not allow: it needs"):
        find_steps(4, **{key: value})


class EachBatch(pl.Callback):
    def on_train_batch_start(self, *_: Any) -> None: ...


class Inherited(EachBatch):
    pass


@pytest.mark.parametrize(
    "callback",
    [
        *(EachBatch(), Inherited(), LearningRateSearch(), SWAWeightAveraging()),
        GradientAccumulationScheduler({0: 2}),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_callback_that_wants_each_batch_gets_it(callback: pl.Callback) -> None:
    assert find_steps(None, callback) == 1
    name = type(callback).__name__
    with pytest.raises(ConfigError, match=f"is 4, which the callback {name} does not allow"):
        find_steps(4, callback)


class OwnHook(ClassificationTask):
    def on_before_optimizer_step(self, *_: Any) -> None: ...


def test_a_task_that_may_leave_out_clipping_takes_single_steps() -> None:
    task = OwnHook((2,), 2)
    assert find_steps(None, task=task) == STEPS_OF_SMALL_NETS
    assert find_steps(None, task=task, gradient_clip_val=1.0) == 1
    with pytest.raises(ConfigError, match=r"clip_val with OwnHook.on_before_optimizer_step does"):
        find_steps(4, task=task, gradient_clip_val=1.0)


class EachEpoch(pl.Callback):
    def on_train_epoch_end(self, *_: Any) -> None: ...


@pytest.mark.parametrize("callback", [EachEpoch(), Timer(), pl.Callback()])
def test_others_do_not(callback: pl.Callback) -> None:
    assert find_steps(4, callback) == 4


def test_an_optimiser_that_evaluates_the_loss_itself_takes_single_steps() -> None:
    task = ClassificationTask((2,), 2, optimizer=torch.optim.LBFGS)
    assert find_steps(None, task=task) == 1
    with pytest.raises(ConfigError, match=r"model.optimizer, whose step evaluates the loss sev"):
        find_steps(2, task=task)
