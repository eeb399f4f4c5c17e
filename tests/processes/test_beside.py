"""Work beside this process gives the result that it would give here, whatever happens to it."""

import multiprocessing
import os
import signal
import sys
from functools import partial
from typing import NoReturn

import pytest

from mlp_lab.processes import beside
from mlp_lab.processes.beside import Beside
from tests.helpers.processes import wait_for

forks = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


def _count(number: int) -> bytes:
    return b"%d" % number * 100_000  # more than a pipe holds


def _pid() -> bytes:
    return str(os.getpid()).encode()


def _pid_unless(here: int, signum: int) -> bytes:
    if os.getpid() != here:
        os.kill(os.getpid(), signum)
    return _pid()


def _fail() -> NoReturn:
    raise ValueError("no figure")


def test_the_results_are_handed_over_in_any_order() -> None:
    first, second = (Beside(partial(_count, number)) for number in (1, 2))
    assert second.result() == b"2" * 100_000
    assert first.result() == b"1" * 100_000


@forks
def test_one_other_process_does_all_and_then_ends() -> None:
    works = [Beside(_pid) for _ in range(3)]
    pids = {work.result() for work in works}
    assert len(pids) == 1
    assert _pid() not in pids
    children = [str(child.pid).encode() for child in multiprocessing.active_children()]
    assert pids <= {*children}
    process = next(c for c in multiprocessing.active_children() if str(c.pid).encode() in pids)
    del works
    # Not joined: the pool's own thread waits for it too, and one of the two then learns nothing.
    wait_for(lambda: process.exitcode is not None)
    assert process.exitcode == 0


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ValueError, match="no figure"):
        Beside(_fail).result()


def test_what_changes_later_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in ("linux", "win32"):
        monkeypatch.setattr("sys.platform", platform)
        content = bytearray(b"now")
        work = Beside(partial(bytes, content))
        content[:] = b"later"
        assert work.result() == b"now"


def test_what_cannot_be_handed_over_is_done_here() -> None:
    assert Beside(lambda: _pid()).result() == _pid()  # a lambda cannot be pickled


def test_what_was_killed_is_done_here_and_so_is_what_follows() -> None:
    killed, behind = Beside(partial(_pid_unless, os.getpid(), signal.SIGKILL)), Beside(_pid)
    assert killed.result() == behind.result() == Beside(_pid).result() == _pid()


@forks
def test_what_takes_too_long_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_do", _do_in_no_time)
    assert Beside(partial(_pid_unless, os.getpid(), signal.SIGSTOP)).result() == _pid()


def _do_in_no_time(work: partial[bytes]) -> bytes:
    os.kill(os.getpid(), signal.SIGALRM)  # as the alarm does when its time has come
    return work()


@forks
def test_what_is_cancelled_is_left_undone() -> None:
    works = [Beside(partial(_count, number)) for number in range(9)]
    for work in works:
        work.cancel()
    assert works[-1]._future is not None
    assert works[-1]._future.cancelled()


def test_where_no_process_can_be_started_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", refuse)
    assert Beside(_pid).result() == _pid()
