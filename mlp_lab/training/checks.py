"""What cannot go together in a training, found out before it begins."""

import math
from collections.abc import Iterator

import lightning.pytorch as pl
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelCheckpoint,
    StochasticWeightAveraging,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.utilities.model_helpers import is_overridden

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.nets import TableNet
from mlp_lab.settings import SETTINGS, is_typed
from mlp_lab.tasks import Task
from mlp_lab.tasks.multi_step import MultiStepModule
from mlp_lab.training.calibration import check_calibration
from mlp_lab.training.hardware import CONNECTIONS_PER_THREAD, count_connections
from mlp_lab.training.job import Job
from mlp_lab.training.processes import check_processes

# What Lightning does for each batch it is handed is then shared by so many steps, see
# docs/performance.md. With 16 the bar still moves for a net whose step takes a tenth of a second; a
# net that is not worth two threads takes less than a millisecond.
STEPS_AT_ONCE = 16
STEPS_OF_SMALL_NETS = 128

_NUMBERS_AT_ONCE = 16_000_000
"""Numbers that go into a small net in as many steps as run as one: 64 MB, but for the least 16."""

# Callbacks that want each batch, or Lightning's own way of optimising, without it being seen below.
_NEED_SINGLE_STEPS = (BatchSizeFinder, GradientAccumulationScheduler, LearningRateFinder)
_CLIPS_IN = "on_before_optimizer_step"
_STEP_HOOKS = ("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad")


def check_training(job: Job) -> None:
    """Refuse settings that contradict each other, and decide how many steps run as one.

    Raises:
        ConfigError: Two settings cannot go together, or the trainer cannot have its processes.
    """
    check_processes(job.trainer)
    _check_contradictions(job)
    steps = find_steps_per_execution(job)
    job.data.steps_per_execution = job.config["data"]["steps_per_execution"] = steps


def find_steps_per_execution(job: Job) -> int:
    """Decide how many steps run as one: what is configured, or as many as are useful.

    Raises:
        ConfigError: More than one is configured, and something does not allow it.
    """
    configured = job.data.steps_per_execution
    if configured == 1:
        return 1
    obstacle = next(_need_single_steps(job), None)
    if configured is None:
        return 1 if obstacle else _useful_steps(job)
    if obstacle:
        raise ConfigError(
            f"data.steps_per_execution is {configured}, which {obstacle} does not allow: "
            "it needs every single step. Leave one of the two out."
        )
    return configured


def _useful_steps(job: Job) -> int:
    connections = count_connections(job)
    if connections is None or connections >= CONNECTIONS_PER_THREAD:
        return STEPS_AT_ONCE
    net = job.task.net.net if isinstance(job.task.net, TableNet) else job.task.net
    fitting = _NUMBERS_AT_ONCE // (math.prod(net.input_shape) * job.data.batch_size)
    return max(STEPS_AT_ONCE, min(fitting, STEPS_OF_SMALL_NETS))


def _need_single_steps(job: Job) -> Iterator[str]:
    """Name what needs one step at a time."""
    for key, neutral in [(key, s.neutral) for key, s in SETTINGS.items() if s.neutral]:
        value = job.trainer[key.removeprefix("trainer.")]
        # 1 is one batch where 1.0 is all of them.
        if not any(type(value) is type(other) and value == other for other in neutral):
            yield f"{key} {value}"
    for callback in job.user_callbacks:
        # Timer only looks at the clock, and may do so less often.
        watches = not isinstance(callback, Timer) and any(
            is_overridden(hook, callback, pl.Callback) for hook in _STEP_HOOKS
        )
        if watches or isinstance(callback, _NEED_SINGLE_STEPS):
            yield f"the callback {type(callback).__name__}"
    task = type(job.task)
    if job.trainer["gradient_clip_val"] and is_overridden(_CLIPS_IN, job.task, MultiStepModule):
        # It may leave out the one it stands in place of.
        yield f"trainer.gradient_clip_val with {task.__name__}.{_CLIPS_IN}"
    if job.task.optimizer_needs_closure:
        yield "model.optimizer, whose step evaluates the loss several times,"


def _check_contradictions(job: Job) -> None:
    trainer, task, callbacks = job.trainer, job.task, job.user_callbacks
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
    if task.calibrate and not job.is_overfit_check:
        check_calibration(job.data, validates=validates)
    if is_typed(job.flags, "model.optimizer.lr") and any(
        isinstance(callback, LearningRateFinder) for callback in callbacks
    ):
        raise ConfigError(
            "model.optimizer.lr is typed, and the callback LearningRateSearch finds it by itself. "
            "Leave one of the two out."
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
