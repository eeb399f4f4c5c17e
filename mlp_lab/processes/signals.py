"""Ctrl-C, SIGTERM, a closed terminal: end in order at the first, at once at the second."""

import _thread
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl
_SECONDS_TO_NEXT_TRY = 0.01
_MOST_TRIES = 100  # a queue may be full for ever

_Hook = Callable[["sys.UnraisableHookArgs"], object]


class Interrupted(BaseException):
    """A signal that ends the process has come.

    Not a KeyboardInterrupt, which Lightning would turn into exit code 1.

    Args:
        signum: Number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.exit_code = exit_code(signum)


def exit_code(signum: int) -> int:
    """Return the exit code of a process that a signal ended, as shells have it."""
    return 128 + signum


def raise_on_signals(*signums: signal.Signals, ends_at_second: bool = True) -> None:
    """Make the first of some signals raise Interrupted; the next ends the process at once.

    Args:
        signums: The signals; by default all of ``signals_that_end``.
        ends_at_second: Whether the next one does; else it is ignored.
    """
    delivery = _Delivery(ends_at_second=ends_at_second)
    sys.unraisablehook = delivery.deliver_again
    for signum in signums or signals_that_end():
        signal.signal(signum, delivery.deliver)


class _Delivery:
    """Raise Interrupted once, where it does no harm; again where Python has only printed it."""

    def __init__(self, *, ends_at_second: bool) -> None:
        self._ends_at_second = ends_at_second
        self._raised = False
        self._tries = 0
        self._comes_again = False
        hook = sys.unraisablehook
        known = getattr(hook, "__self__", None)
        self._hook_before: _Hook = known._hook_before if isinstance(known, _Delivery) else hook

    def deliver(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self._comes_again = False
        if self._raised:
            if self._ends_at_second:
                os._exit(exit_code(signum))
            return
        if _is_handing_over(frame) and self._tries < _MOST_TRIES:
            self._tries += 1
            self._try_again(signum)
            return
        self._raised = True
        raise Interrupted(signum)

    def deliver_again(self, lost: "sys.UnraisableHookArgs") -> None:
        """Take what was raised in a destructor or a callback of weakref, which raise nothing."""
        if not isinstance(lost.exc_value, Interrupted):
            self._hook_before(lost)
            return
        self._raised = False
        self._try_again(lost.exc_value.signum)

    def _try_again(self, signum: int) -> None:
        def interrupt() -> None:
            time.sleep(_SECONDS_TO_NEXT_TRY)
            if self._comes_again:  # else another signal came meanwhile
                _thread.interrupt_main(signal.Signals(signum))

        self._comes_again = True
        # A Thread's start takes locks, which the code that was interrupted may hold.
        _thread.start_new_thread(interrupt, ())


def _is_handing_over(frame: FrameType | None) -> bool:
    """Whether something is put into a queue just now.

    Half put, it would let whoever waits for the queue to be empty wait for ever, as TensorBoard's
    writer does at its end.
    """
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if frame.f_code.co_name == "put" and module in ("queue", "multiprocessing.queues"):
            return True
        frame = frame.f_back
    return False


def signals_that_end() -> list[signal.Signals]:
    """Return SIGINT, SIGTERM and, unless nohup has it ignored, SIGHUP."""
    signums = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signums.append(signal.SIGHUP)
    return signums


def begin_helper(parent: int, signum: int) -> None:
    """Prepare a process that another one has started to work for it.

    Ctrl-C and a closed terminal reach both, and are left to the parent.

    Args:
        parent: The process that it works for.
        signum: The signal that it gets when that one ends; on Linux alone.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signum)
    if os.getppid() != parent:  # it was killed before that
        os._exit(1)
