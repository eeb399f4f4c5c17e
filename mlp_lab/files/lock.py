"""One process at a time for a directory, on any system that filelock knows."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from mlp_lab.errors import ConfigError, WriteError

_NAME = ".lock"


def hold(directory: Path, in_use: str) -> BaseFileLock:
    """Keep a directory for this process, or refuse with the message ``in_use``.

    Returns:
        A lock to be released; it is free when the process ends, however that comes.

    Raises:
        ConfigError: Another process has it.
        WriteError: The directory cannot be written.
    """
    lock = FileLock(directory / _NAME)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise ConfigError(in_use) from error
    except OSError as error:
        raise WriteError(f"{str(directory)!r} could not be written: {error.strerror}.") from error
    return lock


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Wait for other processes in such a block, and keep them waiting.

    Where nothing can be written, no other process is half-way through writing either.
    """
    with FileLock(directory / _NAME) if os.access(directory, os.W_OK) else contextlib.nullcontext():
        yield
