"""Trials one after the other in this process, or in several that share the cores."""

import multiprocessing
import os
import queue
from collections.abc import Iterator, Sequence
from multiprocessing.context import SpawnProcess
from typing import Any

from mlp_lab.errors import MLPLabError
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
        MLPLabError: A process was killed.
    """
    context = multiprocessing.get_context("spawn")
    todo: Any = context.Queue()
    done: Any = context.Queue()
    for trial in trials:
        todo.put(trial)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    workers = [
        context.Process(target=_work, args=(sweep, todo, done, threads)) for _ in range(jobs)
    ]
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is loaded
    try:
        for worker in workers:
            worker.start()
        for _ in trials:
            yield _next(done, workers)
        for _ in workers:
            todo.put(None)
    except BaseException:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        raise
    finally:
        for worker in workers:
            worker.join()
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _next(done: Any, workers: Sequence[SpawnProcess]) -> tuple[Trial, Outcome]:
    while True:
        try:
            found: tuple[Trial, Outcome] = done.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except queue.Empty:
            if any(worker.exitcode for worker in workers):
                raise MLPLabError(
                    "A process that trained was killed, perhaps because memory ran out. The same "
                    "command goes on."
                ) from None
        else:
            return found


def _work(sweep: SweepDir, todo: Any, done: Any, threads: int) -> None:
    """Train trials until there are no more."""
    import torch

    import mlp_lab.commands  # noqa: F401  # with Lightning, which sets its own verbosity
    from mlp_lab.console import quieten
    from mlp_lab.interruption import Interrupted, raise_on_signals

    torch.set_num_threads(threads)
    quieten()
    raise_on_signals()
    try:
        while (trial := todo.get()) is not None:
            done.put((trial, run_trial(sweep, trial)))
    except (Interrupted, KeyboardInterrupt):
        done.cancel_join_thread()
