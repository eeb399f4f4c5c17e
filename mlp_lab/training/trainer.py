"""Build the Trainer of a job: its callbacks, loggers and plugins."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities import registry
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger

from mlp_lab import callbacks as lab
from mlp_lab.errors import (
    ChecksumError,
    ConfigError,
    MLPLabError,
    explain_out_of_memory,
    first_line,
)
from mlp_lab.loggers import CSVLogger, TensorBoardEvents, run_loggers
from mlp_lab.processes.stack import call_with_room
from mlp_lab.runs.run import Run
from mlp_lab.training.hardware import choose_threads
from mlp_lab.training.job import Job
from mlp_lab.training.processes import check_processes

_BATCH_HOOKS = (
    *(
        f"on_{part}_batch_{end}"
        for part in ("train", "validation", "test")
        for end in ("start", "end")
    ),
    *("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step"),
)


def build_trainer(
    job: Job, run: Run | None, extra_callbacks: Sequence[pl.Callback] = ()
) -> pl.Trainer:
    """Build the Trainer of a training.

    Args:
        job: What is trained.
        run: The run that is written to; None to write nothing.
        extra_callbacks: Callbacks beside those that every training has.

    Raises:
        ConfigError: The settings of the trainer cannot work.
    """
    settings = job.trainer
    writes = not settings.fast_dev_run
    callbacks = [
        *_users_callbacks(job, writes=writes),
        *extra_callbacks,
        *_training_callbacks(job, run),
    ]
    loggers = _make_loggers(settings.logger, run)
    trainer = _build(job, run, callbacks, writes=writes, logger=loggers, **_clip_in_task(job))
    _explain_damage(trainer)
    if settings.overfit_batches:
        trainer.limit_val_batches = 0
    # last.ckpt lies between epochs. With max_steps Lightning would go on within one, with
    # neither its seed nor its order.
    trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]
    return trainer


def build_trainer_in_memory(job: Job, history: lab.EpochHistory) -> pl.Trainer:
    """Build the Trainer of a training that leaves nothing on disk.

    The best epoch's weights are those that the task has in the end, where there is validation.

    Args:
        job: What is trained.
        history: Collects the metrics of each epoch.

    Raises:
        ConfigError: The settings of the trainer cannot work.
    """
    callbacks = [lab.EpochSeed(), history.step_metrics, lab.FiniteCheck(), history]
    if job.trainer.limit_val_batches != 0:
        callbacks.append(lab.BestWeights(job.task.score, job.task.score_mode))
    callbacks += _users_callbacks(job, writes=False)
    return _build(job, None, callbacks, writes=False, logger=False, **_clip_in_task(job))


def build_evaluator(job: Job, **settings: Any) -> pl.Trainer:
    """Build the Trainer that validates, tests or predicts.

    Args:
        job: What is evaluated.
        settings: Settings of the trainer that are not the job's.

    Raises:
        ConfigError: The settings of the trainer cannot work.
    """
    check_processes({**job.trainer, **settings})
    choose_threads(job, job.origin.run)
    callbacks = _users_callbacks(job, writes=False)
    return _build(job, job.origin.run, callbacks, writes=False, logger=False, **settings)


def _build(
    job: Job, run: Run | None, callbacks: Sequence[pl.Callback], *, writes: bool, **settings: Any
) -> pl.Trainer:
    configured = job.trainer
    bars = [] if configured.enable_progress_bar is False else lab.progress_bars()
    plugins = configured.plugins or []
    plugins = plugins if isinstance(plugins, list) else [plugins]
    given = {
        **configured,
        **({"default_root_dir": run.dir} if run else {}),
        **({} if writes else {"enable_checkpointing": False}),
        "callbacks": [*callbacks, *bars],
        "enable_progress_bar": bool(bars),
        "enable_model_summary": bool(configured.enable_model_summary),
        "plugins": [*plugins, lab.WholeFileCheckpointIO()],
        **settings,
    }
    try:
        with _packages_looked_through_once():
            trainer = pl.Trainer(**given)
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(f"The settings of trainer cannot work: {error}") from error
    # Its handler of SIGTERM waits for processes that may have ended; see mlp_lab.training.group.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    _drop_idle_hooks(trainer)
    trainer._run_stage = partial(call_with_room, trainer._run_stage)  # type: ignore[method-assign]
    if trainer.strategy.root_device.type == "cpu":
        # Lightning sets it at import; Adam then looks for a GPU driver at each step, 30 us.
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    return trainer


_entry_points = cache(registry.entry_points)  # type: ignore[attr-defined]  # an import


@contextlib.contextmanager
def _packages_looked_through_once() -> Iterator[None]:
    """Spare Lightning's look through all installed packages for callbacks, at each Trainer anew.

    It takes as long as 25 steps of a small net.
    """
    entry_points = registry.entry_points  # type: ignore[attr-defined]  # as above
    registry.entry_points = _entry_points  # type: ignore[attr-defined,assignment]  # as above
    try:
        yield
    finally:
        registry.entry_points = entry_points  # type: ignore[attr-defined]  # as above


def _drop_idle_hooks(trainer: pl.Trainer) -> None:
    """Spare what Lightning does around a callback's hook at each batch where the hook does nothing.

    It passes over a hook that cannot be called.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
        for hook in _BATCH_HOOKS:
            is_idle = getattr(type(callback), hook) is getattr(pl.Callback, hook)
            if is_idle and hook not in vars(callback):
                setattr(callback, hook, None)


def _clip_in_task(job: Job) -> dict[str, None]:
    """Let the task clip gradients where it takes its steps by itself, and Lightning refuses to.

    Returns:
        The settings of the Trainer that this replaces.
    """
    if not job.trainer.gradient_clip_val or job.data.steps_per_execution == 1:
        return {}
    names = ("gradient_clip_val", "gradient_clip_algorithm")
    job.task.clipping = {name: job.trainer[name] for name in names}
    return {"gradient_clip_val": None}


def _users_callbacks(job: Job, *, writes: bool) -> list[pl.Callback]:
    """Return the user's own callbacks; those that keep checkpoints only where files are written."""
    return [c for c in job.user_callbacks if writes or not isinstance(c, Checkpoint)]


def _training_callbacks(job: Job, run: Run | None) -> list[pl.Callback]:
    """Return what every training has; the checkpoints in the order they must be written in."""
    settings, task = job.trainer, job.task
    step_metrics, stopwatch = lab.StepMetrics(), lab.Stopwatch()
    always = [
        lab.EpochSeed(),
        step_metrics,
        lab.FiniteCheck(),
        lab.CheckpointStates(),
        stopwatch,
        lab.RunRecord(
            run,
            job.config,
            job.origin.own_modules,
            resumes=job.origin.resumes,
        ),
    ]
    if settings.fast_dev_run:
        return always
    # Lightning hands the first process's directory to the others.
    checkpoints_dir = run.checkpoints_dir if run else Path("checkpoints")
    last = lab.LastCheckpoint(checkpoints_dir)
    if job.is_overfit_check:
        return [*always, lab.OverfitCheck(step_metrics), last]
    best = lab.BestCheckpoint(checkpoints_dir, task.score, task.score_mode)
    results = (
        lab.result_callbacks(
            run.dir,
            figures=job.settings.figures,
            after_training=True,
            onnx=job.settings.onnx,
        )
        if run
        else []
    )
    if run and job.data.folds is not None:
        results.append(lab.ValidationOutputs(run.dir))
    return [*always, lab.EpochLines(step_metrics, stopwatch, best), best, last, *results]


def _make_loggers(
    configured: bool | Logger | list[Logger] | None, run: Run | None
) -> list[Logger] | bool:
    """Return metrics.csv and, unless others are configured or none, TensorBoard."""
    if run is None:
        return False
    others: list[Logger]
    match configured:
        case False:
            others = []
        case True | None:
            others = [TensorBoardEvents(run.dir, name="", version="tensorboard")]
        case list():
            others = configured
        case _:
            others = [configured]
    loggers = run_loggers([CSVLogger(run.step_metrics_path), *others])
    for logger in loggers:
        logger.begin(run)
    return [*loggers]


def _explain_damage(trainer: pl.Trainer) -> None:
    """Let a checkpoint that Lightning cannot restore be refused in one sentence."""
    connector = trainer._checkpoint_connector
    for name in ("_restore_modules_and_callbacks", "restore_training_state"):
        setattr(connector, name, _explaining_damage(getattr(connector, name), trainer))


def _explaining_damage(restore: Callable[..., None], trainer: pl.Trainer) -> Callable[..., None]:
    def wrapped(*arguments: Any, **named: Any) -> None:
        try:
            restore(*arguments, **named)
        except (MLPLabError, OSError, MemoryError):
            raise
        except Exception as error:  # damaged, it may confuse Lightning in any way
            if explain_out_of_memory(error):
                raise
            raise ChecksumError(
                f"{str(trainer.ckpt_path)!r} cannot be restored: {type(error).__name__}: "
                f"{first_line(error)}."
            ) from error

    return wrapped
