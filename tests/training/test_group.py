"""What ended a process of several, where a signal and a lost connection come together."""

import signal
from types import SimpleNamespace

import pytest

from mlp_lab.errors import WorkerError
from mlp_lab.processes.signals import Interrupted, signals_that_end
from mlp_lab.training.group import Group
from tests.helpers.training import fake_trainer

LOST = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer"


@pytest.mark.parametrize("signum", [signal.SIGTERM, None])
def test_a_signal_that_came_before_the_loss_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, signum: signal.Signals | None
) -> None:
    """A process in a collective runs no handler until the others answer, or have ended too."""
    handlers = {number: signal.getsignal(number) for number in signals_that_end()}
    group = Group(fake_trainer(), lambda _: None, lambda: "")
    received = Interrupted(signum) if signum else None
    monkeypatch.setattr(group, "_watch", SimpleNamespace(received=received))
    try:
        reason = group.explain(RuntimeError(LOST))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(reason, Interrupted if signum else WorkerError)
    assert reason.exit_code == (143 if signum else 1)
