"""One process at a time for a directory, on any system that filelock knows."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from mlp_lab.errors import InUseError, WriteError

_NAME = ".lock"


def hold(directory: Path, in_use: str) -> BaseFileLock:
    """Keep a directory for this process, or refuse with the message ``in_use``.

    Returns:
        A lock to be released; it is free when the process ends, however that comes.

    Raises:
        InUseError: Another process has it.
        WriteError: The directory cannot be written.
    """
    lock = try_hold(directory / _NAME)
    if lock is None:
        raise InUseError(in_use)
    return lock


def try_hold(path: Path) -> BaseFileLock | None:
    """Keep a lock file for this process as ``hold`` does; None where another process has it.

    Raises:
        WriteError: The directory cannot be written.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    except OSError as error:
        raise WriteError(f"{str(path.parent)!r} could not be written: {error.strerror}.") from error
    return lock


def is_held(path: Path) -> bool:
    """Whether a process has a lock file."""
    lock = try_hold(path)
    if lock is None:
        return True
    lock.release()
    return False


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Wait for other processes in such a block, and keep them waiting.

    Where nothing can be written, no other process is half-way through writing either.
    """
    with FileLock(directory / _NAME) if os.access(directory, os.W_OK) else contextlib.nullcontext():
        yield
