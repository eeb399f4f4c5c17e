"""From the arguments of an estimator to a trained net, by the settings of ``mlp-lab fit``."""

import contextlib
import copy
import io
import json
import math
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.utilities.seed import isolate_rng

from mlp_lab.callbacks import EpochHistory, StepMetrics
from mlp_lab.cli.console import quieten
from mlp_lab.cli.invocation import Invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.data import Samples
from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import class_path
from mlp_lab.interface.call import as_a_call
from mlp_lab.nets import InferenceNet, TableEncoding, rebuild
from mlp_lab.runs.packaged_configs import find_config
from mlp_lab.sklearn.arrays import handing_over
from mlp_lab.tables import Column
from mlp_lab.tasks import Task
from mlp_lab.training.calibration import calibrate_checkpoint, calibrate_task
from mlp_lab.training.checks import check_training
from mlp_lab.training.hardware import choose_precision, choose_threads
from mlp_lab.training.job import Job
from mlp_lab.training.start import open_run
from mlp_lab.training.supervision import supervise
from mlp_lab.training.trainer import build_trainer, build_trainer_in_memory
from mlp_lab.training.weights import load_best

Config = str | os.PathLike[str] | Mapping[str, Any]
"""A configuration file, or settings by their names on the command line."""

PATIENCE = 10
"""Epochs without improvement after which a training has converged, as in scikit-learn."""

_TOLERANCE = 1e-4  # what scikit-learn takes for an improvement
_SEED_VARIABLE = "PL_GLOBAL_SEED"

alone = threading.RLock()
"""Held by who trains or warns: seeds, threads and filters of warnings are of the process."""


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        net: From raw inputs to outputs and probabilities, on the CPU.
        history: Metrics of each epoch by name.
        has_converged: Whether the last epochs brought no improvement.
        run_dir: Directory of the run; None where nothing was written.
        columns: The columns of a frame, with the categories that the net knows; empty for arrays.
    """

    net: InferenceNet
    history: dict[str, list[float]]
    has_converged: bool
    run_dir: Path | None
    columns: list[Column]


def train(
    samples: Samples,
    settings: Mapping[str, Any],
    config: Config | None,
    *,
    seed: int,
    stops_early: bool,
    prints: bool,
    runs_dir: Path | None,
    command: str,
) -> Trained:
    """Train a net, and leave the generators, threads and warnings of the process as they were.

    Args:
        samples: All samples to learn from.
        settings: A configuration in which ``data.source`` fits the samples.
        config: Settings that win over those.
        seed: What everything random is drawn from.
        stops_early: Whether to stop once validation has stopped improving.
        prints: Whether each epoch is a line on the console.
        runs_dir: Where each training makes its ``version_<n>``; None to write nothing.
        command: The command of the run's manifest.

    Raises:
        ConfigError: A setting that cannot work.
        DivergenceError: The numbers of the training are no longer finite.
    """
    with alone, _process_state_kept():
        with handing_over(samples):
            job = _make_job(settings, config, seed)
        if stops_early:
            _add_early_stopping(job)
        check_training(job)
        history = EpochHistory(StepMetrics(), prints=prints)
        run_dir = None
        if runs_dir is None:
            choose_precision(job)
            choose_threads(job, None)
            trainer = build_trainer_in_memory(job, history)
            trainer.fit(job.task, datamodule=job.data)
            calibrate_task(job.task, job.data)
        else:
            run_dir = _train_in_run(job, history, runs_dir, command)
    columns = [Column.from_plain(column) for column in job.task.columns or ()]
    return Trained(
        _net_of(job.task, columns),
        history.history,
        _has_converged(job.task, history),
        run_dir,
        columns,
    )


def _make_job(settings: Mapping[str, Any], config: Config | None, seed: int) -> Job:
    """Make task and data anew; what the settings are parsed to is kept for the next fit."""
    configs, flags = [json.dumps(settings, default=_as_plain)], []
    match config:
        case None:
            pass
        case Mapping():
            for key, value in config.items():
                if key.startswith(("data.source", "seed_everything")):
                    raise ConfigError(
                        f"config sets {key}: the samples are those that fit is given, and the seed "
                        "is random_state. Leave it out."
                    )
                text = value if isinstance(value, str) else json.dumps(value, default=_as_plain)
                flags.append(f"--{key}={text}")
        case _:
            configs.append(str(find_config(os.fspath(config))))
    source = json.dumps(settings["data"]["source"])  # the samples are those that were given
    # A copy, since what is kept must not hold the samples.
    cli = copy.copy(_parse((*configs,), (*flags, f"--data.source={source}")))
    pl.seed_everything(seed, verbose=False)
    cli.instantiate_classes()
    plain_config = copy.deepcopy(cli.plain_config) | {"seed_everything": seed}
    return replace(cli.job, config=plain_config)


def _add_early_stopping(job: Job) -> None:
    """Let the training stop by the score that its task has, which only now is known."""
    task, config = job.task, job.config["trainer"]
    arguments: dict[str, Any] = {
        "monitor": task.score,
        "mode": task.score_mode,
        "patience": PATIENCE,
        "min_delta": _TOLERANCE,
    }
    job.settings.trainer.callbacks = [*job.user_callbacks, EarlyStopping(**arguments)]
    described = {"class_path": class_path(EarlyStopping), "init_args": arguments}
    config["callbacks"] = [*(config["callbacks"] or []), described]


@lru_cache(maxsize=64)  # parsing takes longer than a fit of a hundred samples
def _parse(configs: tuple[str, ...], flags: tuple[str, ...]) -> LabCLI:
    return LabCLI("fit", Invocation([*configs], [*flags]))


def _as_plain(value: Any) -> Any:
    """Turn what a search draws, numbers and arrays of NumPy, into plain types."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise ConfigError(f"{value!r} is no value of a setting; give numbers, texts, lists and dicts.")


def _train_in_run(job: Job, history: EpochHistory, runs_dir: Path, command: str) -> Path:
    """Train as a run, and leave its best checkpoint in the task."""
    job.settings.runs_dir, job.settings.experiment = runs_dir.parent, runs_dir.name
    job.config.update(runs_dir=str(runs_dir.parent), experiment=runs_dir.name)
    console = sys.stdout if history.prints else io.StringIO()
    with contextlib.redirect_stdout(console), open_run(job) as run:
        assert run is not None
        run.update_manifest(command=[command])
        trainer = build_trainer(job, run)
        trainer.callbacks.append(history)  # type: ignore[attr-defined]  # set by a connector
        with supervise(trainer, run):
            trainer.fit(job.task, datamodule=job.data)
            if best := load_best(job, trainer):
                calibrate_checkpoint(best, job, trainer)
            run.end("finished")
    return run.dir


def _net_of(task: Task, columns: Sequence[Column]) -> InferenceNet:
    """Return the net of a task by itself, on the CPU."""
    net, tensors = task.net, task.cpu().state_dict()
    description = net.describe(), task.input_shape, net.num_outputs, task.head
    table = (columns, asdict(task.encoding or TableEncoding())) if columns else None
    return rebuild(*description, tensors, table=table, trust=True)


def _has_converged(task: Task, history: EpochHistory) -> bool:
    """Whether the score on validation, or else the training loss, has stopped improving."""
    followed, sign = (task.score, 1 if task.score_mode == "max" else -1)
    if followed not in history.history:
        followed, sign = "train/loss", -1
    best, epochs_since = -math.inf, 0
    for value in history.history[followed]:
        epochs_since = 0 if sign * value > best + _TOLERANCE else epochs_since + 1
        best = max(best, sign * value)
    return epochs_since >= PATIENCE


@contextlib.contextmanager
def _process_state_kept() -> Iterator[None]:
    seed = os.environ.get(_SEED_VARIABLE)
    with as_a_call(verbose=True), isolate_rng(), warnings.catch_warnings():
        quieten()
        try:
            yield
        finally:
            os.environ.pop(_SEED_VARIABLE, None)
            if seed is not None:
                os.environ[_SEED_VARIABLE] = seed
