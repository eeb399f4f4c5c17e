"""How many training steps run as one, and what stands against more than one."""

import inspect
from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    GradientAccumulationScheduler,
    LearningRateFinder,
    Timer,
)

from mlp_lab.errors import ConfigError
from mlp_lab.settings import SETTINGS
from mlp_lab.tasks import Task

# What Lightning does for each batch it is handed is then shared by sixteen steps, see
# docs/performance.md; the bar still moves for a net whose step takes a tenth of a second.
STEPS_AT_ONCE = 16

# Callbacks that want each batch, or Lightning's own way of optimising, without it being seen below.
_NEED_SINGLE_STEPS = (
    BatchSizeFinder,
    GradientAccumulationScheduler,
    LearningRateFinder,
)
_BATCH_HOOKS = ("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad")


def find_steps_per_execution(
    wanted: int | None, trainer: Any, task: Task, callbacks: Iterable[pl.Callback]
) -> int:
    """Decide how many steps run as one.

    Args:
        wanted: What ``data.steps_per_execution`` says; None for as many as are useful.
        trainer: The settings of the trainer.
        task: What is trained.
        callbacks: The user's own callbacks.

    Raises:
        ConfigError: More than one is wanted, and something does not allow it.
    """
    if wanted == 1:
        return 1
    obstacles = [*_obstacles(trainer, task, callbacks)]
    if wanted is None:
        return 1 if obstacles else STEPS_AT_ONCE
    if obstacles:
        raise ConfigError(
            f"data.steps_per_execution is {wanted}, which {obstacles[0]} does not allow: "
            "it needs every single step. Leave one of the two out."
        )
    return wanted


def _obstacles(trainer: Any, task: Task, callbacks: Iterable[pl.Callback]) -> Iterable[str]:
    """Name the settings that need one step at a time."""
    for key, neutral in [(key, s.neutral) for key, s in SETTINGS.items() if s.neutral]:
        value = trainer[key.removeprefix("trainer.")]
        # 1 is one batch where 1.0 is all of them.
        if not any(type(value) is type(other) and value == other for other in neutral):
            yield f"{key} {value}"
    for callback in callbacks:
        if isinstance(callback, _NEED_SINGLE_STEPS) or _wants_batches(callback):
            yield f"the callback {type(callback).__name__}"
    if task.optimizer_needs_closure:
        yield "model.optimizer, whose step evaluates the loss several times,"


def _wants_batches(callback: pl.Callback) -> bool:
    """Whether a callback does something at each batch that it would miss."""
    if isinstance(callback, Timer):  # looks at the clock, and may do so less often
        return False
    return any(
        inspect.getattr_static(type(callback), hook)
        is not inspect.getattr_static(pl.Callback, hook)
        for hook in _BATCH_HOOKS
    )
