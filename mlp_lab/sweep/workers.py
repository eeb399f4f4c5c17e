"""Trials one after the other in this process, or in several that share the cores."""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.context import SpawnProcess
from typing import Any

from mlp_lab.console import quieten
from mlp_lab.errors import WorkerError
from mlp_lab.interruption import Interrupted, end_with_parent, raise_on_signals
from mlp_lab.runs.threads import count_cores
from mlp_lab.sweep.grid import Trial
from mlp_lab.sweep.trials import Outcome, SweepDir, run_trial

_SECONDS_BETWEEN_LOOKS = 1.0


def run_here(sweep: SweepDir, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
    """Yield each trial with its outcome, trained in this process."""
    for trial in trials:
        yield trial, run_trial(sweep, trial)


def run_in_processes(
    sweep: SweepDir, trials: Sequence[Trial], jobs: int
) -> Iterator[tuple[Trial, Outcome]]:
    """Yield each trial with its outcome as they come from so many processes.

    The cores are shared out between them. Where this generator is left, they are told to stop.

    Raises:
        WorkerError: A process was killed.
    """
    context = multiprocessing.get_context("spawn")
    todo: Any = context.Queue()
    done: Any = context.Queue()
    for trial in trials:
        todo.put(trial)
    jobs = min(jobs, len(trials))
    threads = max(1, count_cores() // jobs)
    arguments = (sweep, todo, done, os.getpid())
    workers = [context.Process(target=_work, args=arguments) for _ in range(jobs)]
    with _environment("OMP_NUM_THREADS", str(threads)):  # read when torch is loaded
        for worker in workers:
            worker.start()
    try:
        for _ in trials:
            yield _next(done, workers)
        for _ in workers:
            todo.put(None)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for processes that are started meanwhile, unless the user has set it."""
    before = os.environ.get(name)
    os.environ.setdefault(name, value)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _next(done: Any, workers: Sequence[SpawnProcess]) -> tuple[Trial, Outcome]:
    while True:
        ended = [worker for worker in workers if worker.exitcode is not None]  # before it is asked
        try:
            found: tuple[Trial, Outcome] = done.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            if ended:
                raise WorkerError(
                    "A process that trained was stopped, perhaps because memory ran out. The same "
                    "command goes on."
                ) from None
        else:
            return found


def _work(sweep: SweepDir, todo: Any, done: Any, parent: int) -> None:
    """Train trials until there are no more."""
    for name in ("SIGINT", "SIGHUP"):  # they reach all; the parent passes them on
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    end_with_parent(parent, signal.SIGTERM)
    import mlp_lab.commands  # noqa: F401  # with Lightning, which sets its own verbosity

    quieten()
    raise_on_signals(signal.SIGTERM)
    try:
        while (trial := todo.get()) is not None:
            done.put((trial, run_trial(sweep, trial)))
    except Interrupted as stop:
        done.cancel_join_thread()
        sys.exit(stop.exit_code)
