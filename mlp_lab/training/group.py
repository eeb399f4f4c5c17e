"""The processes that train together: started, watched and ended together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import lightning.pytorch as pl
import torch.distributed
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from mlp_lab.errors import WorkerError, causes
from mlp_lab.processes.launcher import open_shared_store
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.signals import Interrupted, exit_code, signals_that_end
from mlp_lab.processes.watch import Reason, Watch

_PARENT = "MLP_LAB_PARENT"  # in the environment of a process that another one has started
_KEY = "mlp_lab/interrupted"
_SECONDS_TO_END = 1.0
_PATIENCE_SECONDS = 5.0
_SECONDS_BETWEEN_LOOKS = 0.02
_Found = TypeVar("_Found")


class Group:
    """The processes of a training, as one of them sees them.

    The first one of a machine starts the others, unless a launcher has. Lightning would do it too,
    but ends the first one by SIGKILL when another has ended, whatever it is about to write.

    Args:
        trainer: What they train with.
        record: Called in a thread of its own with the reason, where this process cannot end in
            order.
        how_to_go_on: Returns what to do after a failure, as the end of a message.
    """

    def __init__(
        self,
        trainer: pl.Trainer,
        record: Callable[[Reason], object],
        how_to_go_on: Callable[[], str],
    ) -> None:
        self._trainer = trainer
        self._record = record
        self._how_to_go_on = how_to_go_on
        self._signals = signals_that_end()
        self._parent = os.environ.get(_PARENT)
        self._started: list[subprocess.Popen[bytes]] = []
        self._watch: Watch | None = None

    def __enter__(self) -> Self:
        """Start the others, and watch over the end of this process."""
        if self._trainer.world_size > 1:
            self._started = _start_others(self._trainer)
            _meet(self._trainer)
            # The first one has files and loggers to close.
            seconds = _PATIENCE_SECONDS if is_first_process() else _SECONDS_TO_END
            self._watch = Watch(self._find_reason, self._give_up, seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the others after an end in order, else end them."""
        if self._watch is None:
            return
        if error is None:
            for process in self._started:
                process.wait()
            self._watch.stop()
            return
        if isinstance(error, Interrupted):
            _tell_others(error.signum)
        for process in self._started:
            process.terminate()
        wait_for(lambda: all(process.poll() is not None for process in self._started))
        self._kill_others()  # what still waits for this one

    def explain(self, error: BaseException) -> Reason | None:
        """Return the signal, or the end of another process, that an error comes from.

        The earlier of the two decides: a launcher ends the others by a signal when one is killed,
        and what is interrupted may fail in its own way.
        """
        known = [c for c in causes(error) if isinstance(c, Interrupted) or _is_lost_connection(c)]
        if not known:
            return None
        if isinstance(known[-1], Interrupted):
            return known[-1]
        if self._watch and self._watch.received:  # before the loss, which let its handler run
            return self._watch.received
        if self._parent:  # that one ends this one, unless it is the one that was lost
            return wait_for(self._find_reason, _PATIENCE_SECONDS) or self._explain_loss()
        for signum in self._signals:
            signal.signal(signum, signal.SIG_IGN)
        if self._started and (reason := wait_for(self._find_reason)):
            return reason
        if heard := _hear_from_others():
            return Interrupted(heard)
        return self._explain_loss()

    def _find_reason(self) -> Reason | None:
        """Return what is known without asking."""
        if ended := next((process for process in self._started if process.poll()), None):
            return self._explain_end(ended.returncode)
        if self._parent and os.getppid() != int(self._parent):
            return self._explain_loss()
        return None

    def _explain_end(self, code: int) -> Reason:
        for signum in self._signals:
            if code in (-signum, exit_code(signum)):
                return Interrupted(signum)
        how = (
            f"was ended by {signal.Signals(-code).name}, perhaps because memory ran out"
            if code < 0
            else f"has ended with exit code {code}"
        )
        return WorkerError(f"A process that computes beside this one {how}.{self._how_to_go_on()}")

    def _explain_loss(self) -> WorkerError:
        return WorkerError(
            "Another process of this training has ended, perhaps because it was killed."
            f"{self._how_to_go_on()}"
        )

    def _give_up(self, reason: Reason) -> NoReturn:
        try:
            self._record(reason)
            if isinstance(reason, WorkerError):
                print(f"mlp-lab: error: {reason}", file=sys.stderr, flush=True)
            self._kill_others()
        finally:
            os._exit(reason.exit_code)

    def _kill_others(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


def wait_for(find: Callable[[], _Found], seconds: float = _SECONDS_TO_END) -> _Found:
    """Return the first result that is true, or the last one when so many seconds have passed."""
    deadline = time.monotonic() + seconds
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return found


def _start_others(trainer: pl.Trainer) -> list[subprocess.Popen[bytes]]:
    """Start this command once more for each further device, unless a launcher has."""
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if (
        not isinstance(environment, LightningEnvironment)
        or environment.creates_processes_externally
    ):
        return []
    os.environ |= {
        "MASTER_ADDR": environment.main_address,
        "MASTER_PORT": str(environment.main_port),
        "LOCAL_RANK": "0",  # from which Lightning takes it that the others have been started
    }
    command = [sys.executable, *sys.orig_argv[1:]]
    own = {_PARENT: str(os.getpid())}
    return [
        subprocess.Popen(command, env={**os.environ, **own, "LOCAL_RANK": str(rank)})
        for rank in range(1, trainer.num_devices)
    ]


def _meet(trainer: pl.Trainer) -> None:
    """Connect processes that torchrun may have started before; Lightning finds it done."""
    if store := open_shared_store():
        torch.distributed.init_process_group(
            getattr(trainer.strategy, "process_group_backend", None),
            store=store,
            rank=int(os.environ["RANK"]),
            world_size=trainer.world_size,
        )


def _is_lost_connection(error: BaseException) -> bool:
    is_of_gloo = isinstance(error, RuntimeError) and "/gloo/" in str(error)
    return is_of_gloo or isinstance(error, torch.distributed.DistError)


def _tell_others(signum: int) -> None:
    """Leave word of the signal that ends this process, before the others lose it."""
    with contextlib.suppress(RuntimeError, ValueError):  # they have ended, or not yet begun
        torch.distributed.distributed_c10d._get_default_store().set(_KEY, str(signum))


def _hear_from_others() -> int | None:
    with contextlib.suppress(RuntimeError, ValueError):
        store = torch.distributed.distributed_c10d._get_default_store()
        if store.check([_KEY]):
            return int(store.get(_KEY))
    return None
