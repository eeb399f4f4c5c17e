"""End a process in time that waits for others in torch, where no Python code runs."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable

from mlp_lab.errors import WorkerError
from mlp_lab.processes.signals import Interrupted, signals_that_end

_SECONDS_BETWEEN_LOOKS = 0.2

Reason = Interrupted | WorkerError
"""Why a process must end."""


class Watch:
    """Call a function, unless it is stopped, some seconds after there is a reason to end.

    A process that waits in a collective operation runs no handler of a signal until the others have
    answered, and one that has ended, or hangs, never does. With a GPU each, none of them notices
    the end of another one either.

    Args:
        look: Called several times a second; returns a reason other than a signal, if there is one.
        give_up: Called with the reason. Both run in a thread of their own.
        seconds: How long the process has to end by itself.

    Attributes:
        received: The first signal that has come, known while the process waits for others too.
    """

    def __init__(
        self,
        look: Callable[[], Reason | None],
        give_up: Callable[[Reason], object],
        seconds: float,
    ) -> None:
        self._look = look
        self._give_up = give_up
        self._seconds = seconds
        self.received: Interrupted | None = None
        self._stopped = threading.Event()
        self._signals = signals_that_end()
        # The interpreter writes a signal's number there at once, wherever it waits itself.
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._receiver.settimeout(_SECONDS_BETWEEN_LOOKS)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Let the process go on for as long as it wants."""
        signal.set_wakeup_fd(-1)
        self._stopped.set()

    def _run(self) -> None:
        reason = None
        while reason is None and not self._stopped.is_set():
            reason = self._receive() or self._look()
        if reason is not None and not self._stopped.wait(self._seconds):
            self._give_up(reason)

    def _receive(self) -> Interrupted | None:
        with contextlib.suppress(TimeoutError):
            signums = [n for n in self._receiver.recv(64) if n in self._signals]
            self.received = Interrupted(signums[0]) if signums else None
        return self.received
