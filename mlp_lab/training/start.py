"""Open the run directory of a training: a new one, or one that goes on, or refuse it."""

import contextlib
from collections.abc import Iterator

import torch
import yaml

from mlp_lab.data.checks import check_training_classes
from mlp_lab.errors import ConfigError
from mlp_lab.files.atomic import keep_to, let_go, remove_leftovers, write_text
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import count_cores, describe_threads
from mlp_lab.runs.own_runs import remember
from mlp_lab.runs.run import Run
from mlp_lab.training.job import Job
from mlp_lab.training.weights import check_fits


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
    if not is_first_process():
        yield None
        return
    if job.origin.resumes:
        check_resumable(job)
    _load_data(job)
    _check_epochs(job)
    if job.trainer.fast_dev_run:
        yield None
        return
    config = yaml.safe_dump(job.config, sort_keys=False, allow_unicode=True, width=100)
    resumed = job.origin.run if job.origin.resumes else None
    run = resumed or Run.create(
        job.settings.runs_dir, job.settings.experiment, config, manifest=describe_threads()
    )
    lock = run.lock()
    keep_to(run.dir)
    try:
        if resumed:
            remove_leftovers(run.dir)
            write_text(run.config_path, config)
        if not resumed or job.origin.trusted:
            remember(run, job.origin.own_modules)
        yield run
    except ConfigError:
        if not resumed and "status" not in run.read_manifest():
            run.discard()  # its training has not begun
        raise
    finally:
        let_go(run.dir)
        lock.release()


def check_resumable(job: Job) -> None:
    """Refuse settings that a resumed run must not change, before any data are read.

    Raises:
        ConfigError: There is one.
    """
    origin = job.origin
    if origin.run is None:
        return
    if changed := job.changed_settings("training"):
        raise ConfigError(
            f"{changed[0]} is not what the run began with, so going on would be no run of "
            "either setting. Leave it out, or begin a new run: "
            f"mlp-lab fit --config {origin.run.config_path} {' '.join(job.flags)}"
        )
    schedule = job.task.schedule
    for key in ("max_epochs", "max_steps"):
        before, now = (config["trainer"][key] for config in (origin.config, job.config))
        if before != now and schedule is not None and schedule.has_horizon:
            raise ConfigError(
                f"trainer.{key} is {now}, but the run began with {before}, and its schedule "
                f"{type(schedule).__name__} stretches over all of it. Leave it out, or begin a "
                f"new run: mlp-lab fit --config {origin.config_place} --trainer.{key} {now}"
            )
    if job.trainer.accelerator == "cpu" or not torch.accelerator.is_available():
        _restore_threads(origin.run)


def _restore_threads(run: Run) -> None:
    """Compute with as many threads as a run began with: a sum's last bits depend on it.

    Raises:
        ConfigError: There are fewer cores, where torch splits the work in another way.
    """
    began = run.read_manifest().get("threads")
    if not isinstance(began, int) or began == torch.get_num_threads():
        return  # an older run does not record it
    cores = count_cores()
    if not 1 <= began <= cores:
        raise ConfigError(
            f"{str(run.dir)!r} began with {began} threads, and here are {cores} cores, which "
            "would give other numbers. Go on where there are as many, or begin a new run."
        )
    torch.set_num_threads(began)
    print(f"threads: {began}, as the run began")


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
