"""Trials one after the other in this process, or in several at once."""

import contextlib
import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from mlp_lab.errors import WorkerError
from mlp_lab.processes.signals import Interrupted, begin_helper, raise_on_signals
from mlp_lab.sweep.grid import Trial
from mlp_lab.sweep.trials import Fit, Outcome, SweepDir, run_trial


def run_here(sweep: SweepDir, trials: Sequence[Trial], fit: Fit) -> Iterator[tuple[Trial, Outcome]]:
    """Yield each trial with its outcome, trained in this process."""
    for trial in trials:
        yield trial, run_trial(sweep, trial, fit)


def run_in_processes(
    sweep: SweepDir, trials: Sequence[Trial], jobs: int, fit: Fit
) -> Iterator[tuple[Trial, Outcome]]:
    """Yield each trial with its outcome as they come from so many processes.

    Each computes with as many threads as a fit by itself, for the same numbers. Where this
    generator is left, they get SIGTERM.

    Raises:
        WorkerError: A process was killed.
    """
    jobs = min(jobs, len(trials))
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(jobs, context, begin_helper, (os.getpid(), signal.SIGTERM))
    try:
        # Read when torch is loaded: a thread that waits leaves its core to the other trainings.
        with environment("OMP_WAIT_POLICY", "PASSIVE"):
            futures = {executor.submit(_run, sweep, trial, fit): trial for trial in trials}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "A process that trained was stopped, perhaps because memory ran out. The same command "
            "goes on."
        ) from error
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for processes that are started meanwhile, unless the user has set it."""
    before = os.environ.get(name)
    os.environ.setdefault(name, value)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _run(sweep: SweepDir, trial: Trial, fit: Fit) -> Outcome:
    """Train a trial; at SIGTERM the process ends, since the pool waits for nothing else."""
    # A pool that stops sends it several times.
    raise_on_signals(signal.SIGTERM, ends_at_second=False)
    gc.freeze()  # what was imported, which the process is for
    try:
        return run_trial(sweep, trial, fit)
    except Interrupted as stop:
        os._exit(stop.exit_code)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
