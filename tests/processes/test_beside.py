"""Work beside this process gives the result that it would give here, whatever happens to it."""

import os
import signal
from typing import NoReturn

import pytest

from mlp_lab.processes import beside
from mlp_lab.processes.beside import begin_beside


def test_the_result_is_handed_over() -> None:
    picture = bytes(range(256)) * 10_000  # more than a pipe holds
    first, second = begin_beside(lambda: picture + b"a"), begin_beside(lambda: picture + b"b")
    assert second() == picture + b"b"
    assert first() == picture + b"a"


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
def test_it_is_another_process_that_knows_all_of_this_one() -> None:
    own = [str(os.getpid())]
    pid = begin_beside(lambda: f"{own[0]} {os.getpid()}".encode())().split()
    assert pid[0] == str(os.getpid()).encode() != pid[1]


def test_what_fails_there_fails_here() -> None:
    def fail() -> NoReturn:
        raise ValueError("no figure")

    result = begin_beside(fail)
    with pytest.raises(ValueError, match="no figure"):
        result()


def test_what_was_killed_is_done_here() -> None:
    here = os.getpid()

    def work() -> bytes:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return b"done"

    assert begin_beside(work)() == b"done"


def test_what_takes_too_long_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_PATIENCE_SECONDS", 0.01)
    here = os.getpid()

    def work() -> bytes:
        if os.getpid() != here:
            signal.pause()
        return b"done"

    assert begin_beside(work)() == b"done"


def test_where_no_process_can_be_started_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", refuse)
    assert begin_beside(lambda: b"done")() == b"done"


def test_without_fork_it_is_done_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    done: list[int] = []
    result = begin_beside(lambda: bytes(done))
    done.append(7)
    assert result() == b"\x07"
