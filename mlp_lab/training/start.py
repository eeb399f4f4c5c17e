"""Open the run directory of a training: a new one, or one that goes on, or refuse it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import yaml

from mlp_lab.callbacks import check_fits
from mlp_lab.data.checks import check_training_classes
from mlp_lab.errors import ConfigError, WriteError
from mlp_lab.files.atomic import find_kept, keep_to, let_go, remove_leftovers, write_text
from mlp_lab.processes.launcher import find_jobs
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import describe_threads
from mlp_lab.runs.own_runs import remember
from mlp_lab.runs.resume import refuse_changes, refuse_other_horizon, refuse_other_processes
from mlp_lab.runs.run import Run, now
from mlp_lab.training.hardware import choose_precision, choose_threads
from mlp_lab.training.job import Job
from mlp_lab.training.processes import count_processes
from mlp_lab.training.weights import begin_with


@contextlib.contextmanager
def open_run(job: Job) -> Iterator[Run | None]:
    """Open the run that a training writes to, and keep other processes out of it.

    The data are loaded first: what is missing or cannot be learned leaves no run behind, and nor do
    settings that no trainer can be built from.

    Yields:
        The run; None where nothing is written: in fast_dev_run, and in other processes than the
        first.

    Raises:
        ConfigError: A resumed run would become another one, or the run is in use.
        EmptyClassError: A class has no training sample.
    """
    resumed = job.origin.run if job.origin.resumes else None
    if resumed:
        _check_resumable(job)
    choose_precision(job)
    choose_threads(job, resumed)
    if job.config["init_from"] and not (resumed and job.origin.checkpoint):
        _begin_with_weights(job)
    if not is_first_process():
        yield None
        return
    _load_data(job)
    _check_epochs(job)
    if job.trainer.fast_dev_run:
        yield None
        return
    config = yaml.safe_dump(job.config, sort_keys=False, allow_unicode=True, width=100)
    run = resumed or Run.create(
        job.settings.runs_dir, job.settings.experiment, config, manifest=_describe_start(job)
    )
    lock = run.lock()
    keep_to(run.dir)
    try:
        if job.settings.note is not None:
            run.update_manifest(note=job.settings.note)
        if resumed:
            remove_leftovers(run.dir)
            write_text(run.config_path, config)
        if not resumed or job.origin.trusted:
            remember(run, job.origin.own_modules)
        yield run
    except ConfigError:
        if not resumed and _has_not_begun(run):
            run.discard()
        raise
    finally:
        let_go(run.dir)
        lock.release()


def _describe_start(job: Job) -> dict[str, object]:
    """Return what a run's manifest holds from the beginning; a restart finds the run by it."""
    return {
        "start": now(),
        "command": [*job.command],
        "launcher": find_jobs(),
        **describe_threads(),
    }


def _has_not_begun(run: Run) -> bool:
    """Whether a new run is still where it was made, and its training has not begun."""
    try:
        return find_kept(run.dir) == run.dir and "status" not in run.read_manifest()
    except WriteError:
        return False


def _check_resumable(job: Job) -> None:
    """Refuse to make another run of one that is resumed."""
    refuse_changes(job.origin, job.changed_settings("training"), job.configs, job.flags)
    refuse_other_processes(job.origin, count_processes(job.trainer))
    schedule = job.task.schedule
    if schedule is not None and schedule.has_horizon:
        refuse_other_horizon(job.origin, job.config, type(schedule).__name__)


def _begin_with_weights(job: Job) -> None:
    path = Path(job.config["init_from"])
    if job.origin.checkpoint:
        raise ConfigError(
            f"init_from is {str(path)!r}, and ckpt_path has weights too. Leave one of the two out."
        )
    anew = begin_with(path, job.task)
    if is_first_process():
        print(f"weights: {path}{f'; {anew} begins anew, for another size' if anew else ''}")


def _load_data(job: Job) -> None:
    """Load and split, and refuse what cannot be learned; the Trainer finds the data loaded."""
    job.data.prepare_data()
    job.data.setup("fit")
    if not job.origin.resumes:
        check_training_classes(job.data)
    job.task.take_statistics(job.data)


def _check_epochs(job: Job) -> None:
    """Refuse a checkpoint that fits another net, or has all the epochs that are configured."""
    origin = job.origin
    if origin.checkpoint is None:
        return
    epochs_done = check_fits(origin.checkpoint, job.task, resumes=origin.resumes)
    # A run that has them all still has its test to come; a new one would have nothing.
    fewest = epochs_done if origin.resumes else epochs_done + 1
    if 0 < job.trainer.max_epochs < fewest:
        raise ConfigError(
            f"trainer.max_epochs is {job.trainer.max_epochs}, but {str(origin.checkpoint)!r} has "
            f"{epochs_done} epochs already. Raise --trainer.max_epochs."
        )
