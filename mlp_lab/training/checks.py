"""What cannot go together in a training, found out before it begins."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    EarlyStopping,
    GradientAccumulationScheduler,
    ModelCheckpoint,
    StochasticWeightAveraging,
    WeightAveraging,
)

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.tasks import Task
from mlp_lab.tasks.multi_step import find_steps_per_execution
from mlp_lab.training.job import Job


def check_training(job: Job) -> None:
    """Refuse settings that contradict each other, and decide how many steps run as one.

    Raises:
        ConfigError: Two settings cannot go together.
    """
    trainer, task, callbacks = job.trainer, job.task, job.user_callbacks
    _check_contradictions(trainer, task, callbacks)
    steps = find_steps_per_execution(
        job.data.steps_per_execution,
        trainer,
        callbacks,
        needs_closure=task.optimizer_needs_closure,
    )
    job.data.steps_per_execution = job.config["data"]["steps_per_execution"] = steps


def _check_contradictions(trainer: Any, task: Task, callbacks: Sequence[pl.Callback]) -> None:
    followers = [c for c in callbacks if isinstance(c, EarlyStopping | ModelCheckpoint)]
    for callback in followers:
        _check_monitor(callback, task)
    validates = trainer.limit_val_batches != 0 and not trainer.overfit_batches
    if not validates:
        waiting = [type(c).__name__ for c in followers if c.monitor]
        if task.schedule is not None and task.schedule.needs_validation:
            waiting.append(f"model.schedule {type(task.schedule).__name__}")
        if waiting:
            raise ConfigError(
                f"{waiting[0]} follows validation, which is off with trainer.limit_val_batches=0 "
                "and trainer.overfit_batches. Leave one of the two out."
            )
    if any(isinstance(callback, StochasticWeightAveraging) for callback in callbacks):
        raise ConfigError(
            "The callback StochasticWeightAveraging puts its average into no checkpoint, so no "
            "test would see it. Use mlp_lab.callbacks.SWAWeightAveraging."
        )
    if trainer.accumulate_grad_batches != 1 and any(
        isinstance(callback, GradientAccumulationScheduler) for callback in callbacks
    ):
        raise ConfigError(
            f"trainer.accumulate_grad_batches is {trainer.accumulate_grad_batches}, and the "
            "callback GradientAccumulationScheduler says it too. Leave one of the two out."
        )
    averages = [type(c).__name__ for c in callbacks if isinstance(c, WeightAveraging)]
    if len(averages) > 1:
        raise ConfigError(
            f"trainer.callbacks has {' and '.join(averages)}, and only one can average the weights."
        )
    if task.schedule is not None and not trainer.fast_dev_run:
        _check_warmup(task.schedule.warmup_epochs, trainer.max_epochs)


def _check_monitor(callback: EarlyStopping | ModelCheckpoint, task: Task) -> None:
    known = [f"val/{name}" for name in task.metric_names]
    if callback.monitor is not None and callback.monitor not in known:
        raise ConfigError(
            f"The monitor of {type(callback).__name__} is {callback.monitor!r}, which is not "
            f"measured. {did_you_mean(callback.monitor, known)}"
        )


def _check_warmup(warmup_epochs: float, max_epochs: int | None) -> None:
    if max_epochs is not None and 0 < max_epochs < warmup_epochs:
        raise ConfigError(
            f"model.schedule.warmup_epochs is {warmup_epochs}, longer than the training of "
            f"trainer.max_epochs {max_epochs}."
        )
