"""Ctrl-C and SIGTERM: end in order at the first, at once at the second."""

import os
import signal
from types import FrameType
from typing import NoReturn


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


def raise_on_signals() -> None:
    """Make the first SIGINT or SIGTERM raise Interrupted; the next ends the process at once.

    Lightning keeps a SIGTERM handler that it finds and calls it too.
    """
    asked = False

    def handle(signum: int, _frame: FrameType | None) -> NoReturn:
        nonlocal asked
        if asked:
            os._exit(exit_code(signum))
        asked = True
        raise Interrupted(signum)

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, handle)
