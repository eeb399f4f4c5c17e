"""Signals: the first one raises, wherever it comes; the second ends the process."""

import os
import signal
import subprocess
import sys

import pytest

from mlp_lab.processes.signals import Interrupted, raise_on_signals


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
    code = """
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
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("143\n", "")


def test_what_is_put_into_a_queue_is_put_whole() -> None:
    """Who waits for the queue to be empty, as TensorBoard does, would wait for ever otherwise."""
    code = """
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
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("143 1\n", "")
