"""Signals: the first one raises, wherever it comes; the second ends the process."""

import os
import signal
import subprocess
import sys

import pytest

from mlp_lab.processes.signals import Interrupted, exit_code, raise_on_signals


def run_code(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_exit_code_is_what_shells_give() -> None:
    assert exit_code(signal.SIGINT) == 130
    stop = Interrupted(signal.SIGTERM)
    assert (stop.signum, stop.exit_code, str(stop)) == (15, 143, "SIGTERM")
    assert not isinstance(stop, Exception | KeyboardInterrupt)


@pytest.mark.parametrize(("ends", "code"), [(True, 130), (False, 7)])
def test_the_second_signal_ends_the_process_or_is_ignored(ends: bool, code: int) -> None:
    done = run_code(f"""
import os, signal
from mlp_lab.processes.signals import Interrupted, raise_on_signals

raise_on_signals(signal.SIGINT, signal.SIGTERM, ends_at_second={ends})
try:
    os.kill(os.getpid(), signal.SIGTERM)
except Interrupted:
    os.kill(os.getpid(), signal.SIGINT)
    os._exit(7)
""")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_helper_whose_parent_is_gone_ends_at_once() -> None:
    code = "import os, signal; from mlp_lab.processes.signals import begin_helper;"
    done = run_code(f"{code} begin_helper(os.getppid(), signal.SIGTERM); print(1)")
    assert (done.returncode, done.stdout) == (0, "1\n")
    done = run_code(f"{code} begin_helper(-1, signal.SIGTERM); print(1)")
    assert (done.returncode, done.stdout) == (1, "")


def test_nohup_stays_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise_on_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_destructor_swallows_no_interruption() -> None:
    """Python only prints what is raised in one, and in a callback of weakref."""
    done = run_code("""
import os, signal, time
from mlp_lab.processes.signals import Interrupted, raise_on_signals

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

raise_on_signals()
try:
    last = Last()
    del last
    while True:
        time.sleep(0.01)
except Interrupted as stop:
    print(stop.exit_code)
""")
    assert (done.stdout, done.stderr) == ("143\n", "")


def test_what_is_put_into_a_queue_is_put_whole() -> None:
    """Who waits for the queue to be empty, as TensorBoard does, would wait for ever otherwise."""
    done = run_code("""
import os, queue, signal, threading, time
from mlp_lab.processes.signals import Interrupted, raise_on_signals

class Queue(queue.Queue):
    def _put(self, item):
        super()._put(item)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)

raise_on_signals()
tasks = Queue()
try:
    tasks.put(1)
    while True:
        time.sleep(0.01)
except Interrupted as stop:
    print(stop.exit_code, tasks.unfinished_tasks)
""")
    assert (done.stdout, done.stderr) == ("143 1\n", "")
