"""Work in one process beside this one, whose result is fetched later. Imports no torch."""

import multiprocessing
import os
import pickle
import signal
import sys
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from mlp_lab.processes.signals import begin_helper

_PATIENCE_SECONDS = 60
_NICENESS = 19  # what this process does meanwhile comes first

_known: weakref.ref[ProcessPoolExecutor] | None = None
"""The process, which ends when nobody waits for a result any longer."""


class Beside:
    """Work that a process beside this one does, one after the other, where one can be forked.

    Args:
        work: What can be pickled and needs no GPU; else it is done in this process. What it refers
            to is taken as it is now, and may change afterwards.
    """

    def __init__(self, work: Callable[[], bytes]) -> None:
        self._work = work
        self._future: Future[bytes] | None = None
        try:
            # At once: the pool would do it in a thread, and torch's tensors would become shared.
            self._work = partial(_unpack_and_do, pickle.dumps(work))
        except (pickle.PicklingError, AttributeError, TypeError):
            return
        if sys.platform != "linux":
            return
        self._process = _find_process()
        try:
            self._future = self._process.submit(_do, self._work)
        except (OSError, AssertionError, BrokenProcessPool):
            return  # no room for it, or this process may have no children, or it has been killed

    def result(self) -> bytes:
        """Wait for the result.

        Where the process has none for whatever reason, the work is done now, in this process; so
        what it raises is raised here.
        """
        if self._future is None or self._future.exception() is not None:
            return self._work()
        return self._future.result()

    def cancel(self) -> None:
        """Leave the work undone, unless it has begun."""
        if self._future is not None:
            self._future.cancel()


def _unpack_and_do(packed: bytes) -> bytes:
    work: Callable[[], bytes] = pickle.loads(packed)
    return work()


def _find_process() -> ProcessPoolExecutor:
    global _known
    process = _known() if _known else None
    if process is None:
        # Newer Pythons warn of forking beside threads; this process uses none of them.
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        context = multiprocessing.get_context("fork")  # torch and matplotlib are inherited
        process = ProcessPoolExecutor(1, context, _begin, (os.getpid(),))
        _known = weakref.ref(process)
    return process


def _begin(parent: int) -> None:
    signal.alarm(_PATIENCE_SECONDS)  # ends this process, if a lock was held when it was forked
    begin_helper(parent, signal.SIGKILL)
    os.nice(_NICENESS)


def _do(work: Callable[[], bytes]) -> bytes:
    signal.alarm(_PATIENCE_SECONDS)
    try:
        return work()
    finally:
        signal.alarm(0)
