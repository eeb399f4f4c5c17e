"""Commands in processes of their own: started in a moment, killed at will."""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

# The fork server imports this once; a command then starts in milliseconds instead of seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "mlp_lab.cli.commands.training",
        "sklearn.datasets",
        "tests.helpers.processes",
        "torch.utils.tensorboard",
    ]
)


def _run(words: list[str], cwd: Path, file_size_limit: int | None, num_threads: int) -> None:
    import resource

    import torch

    from mlp_lab.cli.main import main

    os.chdir(cwd)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may run the tests
    torch.set_num_threads(num_threads)
    for stream, number in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["mlp-lab", *words]
    if file_size_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit,) * 2)
    sys.exit(main())


@contextmanager
def started(
    *words: str, cwd: Path, file_size_limit: int | None = None, num_threads: int = 1
) -> Iterator[ForkServerProcess]:
    """Start a command; it is killed at the end if it still runs.

    Its output goes to ``out.txt`` and ``err.txt`` in ``cwd``.

    Args:
        words: The words after ``mlp-lab``.
        cwd: Where to run it.
        file_size_limit: Bytes that a file may grow to, as if the disk were full then.
        num_threads: Number of threads that compute.
    """
    process = CONTEXT.Process(target=_run, args=(list(words), cwd, file_size_limit, num_threads))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def finish(*words: str, cwd: Path, **settings: Any) -> int:
    """Run a command to its end, which must come within two minutes, and return its exit code."""
    with started(*words, cwd=cwd, **settings) as process:
        process.join(120)
        assert process.exitcode is not None, "the command hangs"
        return process.exitcode


def free_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(pid: int, word: str) -> list[int]:
    """Return the processes that a process has started, with a word in their command line."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [
        int(child)
        for child in text.split()
        if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_for(
    condition: Callable[[], bool],
    is_alive: Callable[[], bool] = lambda: True,
    seconds: float = 60,
) -> None:
    """Wait until something has happened.

    Args:
        condition: Whether it has.
        is_alive: Whether the process that it is expected of still runs.
        seconds: How long to wait for it at most.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert is_alive(), "the process ended before"
        assert time.monotonic() < deadline, f"it has not happened within {seconds} s"
        time.sleep(0.02)
