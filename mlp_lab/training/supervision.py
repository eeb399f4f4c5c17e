"""What becomes of a training that ends otherwise than it should."""

import contextlib
import sys
from collections.abc import Iterator

import lightning.pytorch as pl
from filelock import BaseFileLock
from lightning.fabric.utilities.exceptions import MisconfigurationException

from mlp_lab.callbacks import RunRecord
from mlp_lab.errors import ConfigError, MLPLabError, WorkerError, WriteError
from mlp_lab.files.atomic import find_kept
from mlp_lab.loggers import run_loggers
from mlp_lab.processes.signals import Interrupted
from mlp_lab.runs.run import Run
from mlp_lab.training.group import Group, wait_for
from mlp_lab.training.processes import find_launcher


@contextlib.contextmanager
def supervise(trainer: pl.Trainer, run: Run | None) -> Iterator[None]:
    """Start the other processes of a training, record in the run how it ends, close its loggers.

    Args:
        trainer: What trains.
        run: The run that is written to; None in other processes than the first.

    Raises:
        ConfigError: Lightning refuses the settings of the trainer.
        WorkerError: Another process of the training was killed.
    """

    def record(error: BaseException) -> None:
        if run:
            _record_end(run, error)
        elif shared := _find_shared_run(trainer):
            _record_for_killed(shared)

    def go_on() -> str:
        known = run or _find_shared_run(trainer)
        return f" Go on with: {resume_command(known)}" if known else ""

    with Group(trainer, record, go_on) as group:
        try:
            with _explaining(group):
                yield
        except BaseException as error:
            record(error)
            raise
        finally:
            for logger in run_loggers(trainer.loggers):
                logger.close()


@contextlib.contextmanager
def explain_failures(trainer: pl.Trainer) -> Iterator[None]:
    """Start the other processes of an evaluation, and explain in a sentence why it cannot work.

    Raises:
        ConfigError: Lightning refuses the settings of the trainer.
        WorkerError: Another process was killed.
    """
    with Group(trainer, lambda _: None, lambda: "") as group, _explaining(group):
        yield


def resume_command(run: Run) -> str:
    """Return the command that goes on with a run, and what starts it where something else did."""
    launcher, _ = find_launcher()
    started = f", started by {launcher} as before" if launcher else ""
    return f"mlp-lab fit --run_dir {run.dir}{started}"


@contextlib.contextmanager
def _explaining(group: Group) -> Iterator[None]:
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"The settings of trainer cannot work: {error}") from error
    except BaseException as error:
        reason = group.explain(error)
        if reason is None or reason is error:
            raise
        raise reason from (error if isinstance(reason, WorkerError) else None)


def _record_end(run: Run, error: BaseException) -> None:
    if not isinstance(error, Interrupted):
        Run(find_kept(run.dir)).end("failed")
        return
    with contextlib.suppress(WriteError):
        Run(find_kept(run.dir)).end("interrupted")
    with contextlib.suppress(OSError):  # its terminal may be gone
        print(f"interrupted; go on with: {resume_command(run)}", file=sys.stderr)


def _find_shared_run(trainer: pl.Trainer) -> Run | None:
    """Return the run that the first process writes to, once it has told the others."""
    records = [c for c in trainer.callbacks if isinstance(c, RunRecord)]  # type: ignore[attr-defined]  # set by a connector
    return next((Run(r.shared_dir) for r in records if r.shared_dir), None)


def _record_for_killed(run: Run) -> None:
    """Record the failure where the first process was killed, and left its run running."""

    def is_running() -> bool:
        return run.read_manifest().get("status") == "running"

    def take() -> BaseFileLock | None:
        with contextlib.suppress(MLPLabError):  # the first process has it, or another fit by now
            return run.lock()
        return None

    # It is free as soon as the first process, and whatever worked beside it, has ended.
    lock = wait_for(lambda: take() or not is_running())
    if isinstance(lock, BaseFileLock):
        if is_running():
            run.end("failed")
        lock.release()
