"""Work in a process beside this one, whose result is asked for later. Imports no torch."""

import contextlib
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

from mlp_lab.processes.signals import end_with_parent

_PATIENCE_SECONDS = 60.0
_NICENESS = 19  # what this process does meanwhile comes first


def begin_beside(work: Callable[[], bytes]) -> Callable[[], bytes]:
    """Begin work in a process of its own, where one can be forked.

    It inherits all that ``work`` refers to. A GPU cannot be used there.

    Returns:
        What waits for the result. Where the process has none for whatever reason, the work is done
        then, in this process; so what it raises is raised there.
    """
    if sys.platform != "linux":
        return work
    context = multiprocessing.get_context("fork")
    try:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(work, sender, os.getpid()), daemon=True)
        with sender, warnings.catch_warnings():
            # Newer Pythons warn of forking beside threads; this process uses none of them.
            warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
            process.start()
    except (OSError, AssertionError):  # no room for it, or this one may have no children
        return work

    def result() -> bytes:
        with receiver, contextlib.suppress(EOFError, OSError):  # it has ended without a result
            if receiver.poll(_PATIENCE_SECONDS):
                return receiver.recv_bytes()  # how long it takes to end is its own affair
        process.kill()
        process.join()
        return work()

    return result


def _work(work: Callable[[], bytes], sender: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's, which ends this process too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(parent, signal.SIGKILL)
    os.nice(_NICENESS)
    with contextlib.suppress(Exception):  # done again by the parent, which reports it
        sender.send_bytes(work())
