"""What becomes of a training that ends otherwise than it should."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import lightning.pytorch as pl
from lightning.fabric.utilities.exceptions import MisconfigurationException

from mlp_lab.errors import ConfigError, WorkerError, WriteError, causes
from mlp_lab.files.atomic import find_kept
from mlp_lab.loggers import run_loggers
from mlp_lab.processes.signals import Interrupted
from mlp_lab.runs.run import Run

_SECONDS_TO_END = 1.0


@contextlib.contextmanager
def supervise(trainer: pl.Trainer, run: Run | None) -> Iterator[None]:
    """Record in the run how a training ends, and close its loggers.

    Raises:
        ConfigError: Lightning refuses the settings of the trainer.
        WorkerError: A process that computes beside this one was killed.
    """
    try:
        with explain_failures(trainer, run):
            yield
    except BaseException as error:
        # A file that was half written may have failed in its own way when it was interrupted.
        stop = next((cause for cause in causes(error) if isinstance(cause, Interrupted)), None)
        if run and stop:
            with contextlib.suppress(WriteError):
                Run(find_kept(run.dir)).end("interrupted")
            with contextlib.suppress(OSError):  # its terminal may be gone
                print(f"interrupted; go on with: {resume_command(run)}", file=sys.stderr)
        elif run:
            Run(find_kept(run.dir)).end("failed")
        if stop and stop is not error:
            raise stop from None
        raise
    finally:
        for logger in run_loggers(trainer.loggers):
            logger.close()


@contextlib.contextmanager
def explain_failures(trainer: pl.Trainer, run: Run | None) -> Iterator[None]:
    """Explain in a sentence what Lightning refuses, and that a process was killed.

    Raises:
        ConfigError: Lightning refuses the settings of the trainer.
        WorkerError: A process that computes beside this one was killed.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"The settings of trainer cannot work: {error}") from error
    except RuntimeError as error:
        if name := _find_killer(trainer):
            how_to_go_on = f" Go on with: {resume_command(run)}" if run else ""
            raise WorkerError(
                f"A process that computes beside this one was ended by {name}, perhaps because "
                f"memory ran out.{how_to_go_on}"
            ) from error
        raise


def resume_command(run: Run) -> str:
    """Return the command that goes on with a run."""
    return f"mlp-lab fit --run_dir {run.dir}"


def _find_killer(trainer: pl.Trainer) -> str | None:
    """Return the signal that ended a process beside this one; the others fail in any way then."""
    for process in getattr(trainer.strategy.launcher, "procs", []):
        with contextlib.suppress(subprocess.TimeoutExpired):  # it is alive
            if (code := process.wait(_SECONDS_TO_END)) < 0:
                return signal.Signals(-code).name
    return None
