"""Ctrl-C, SIGTERM, a closed terminal: end in order at the first, at once at the second."""

import ctypes
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl


class Interrupted(BaseException):
    """The process was asked to end.

    Not a KeyboardInterrupt, which Lightning would turn into exit code 1.

    Args:
        signum: Number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = exit_code(signum)


def exit_code(signum: int) -> int:
    """Return what shells say of a process that a signal ended."""
    return 128 + signum


def raise_on_signals(*signums: signal.Signals) -> None:
    """Make the first of some signals raise Interrupted; the next ends the process at once.

    Lightning keeps a SIGTERM handler that it finds and calls it too.

    Args:
        signums: The signals; by default SIGINT, SIGTERM and, unless nohup has it ignored, SIGHUP.
    """
    asked = False

    def handle(signum: int, _frame: FrameType | None) -> NoReturn:
        nonlocal asked
        if asked:
            os._exit(exit_code(signum))
        asked = True
        raise Interrupted(signum)

    for signum in signums or _all_that_end():
        signal.signal(signum, handle)


def _all_that_end() -> list[signal.Signals]:
    signums = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signums.append(signal.SIGHUP)
    return signums


def end_with_parent(parent: int, signum: int) -> None:
    """Let a process that was started to help end with the one that started it; on Linux alone.

    Args:
        parent: Process number of the one that started it.
        signum: What it gets then.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signum)
    if os.getppid() != parent:  # it was killed before that
        os._exit(1)
