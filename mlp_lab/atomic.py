"""Files are written whole or not at all: to a neighbour first, which then takes the name."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from mlp_lab.errors import MLPLabError, WriteError

_PART = ".part"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it when the block ends without error.

    Readers see the old content or the new one, never a part. The neighbour carries the process
    number, so that two writers do not share it. The directory must be there: a run whose directory
    has been renamed while it trains does not begin a second one.

    Raises:
        WriteError: The disk is full, or the place cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        yield part
        with part.open("rb+") as written:  # some systems flush only what may be written
            os.fsync(written.fileno())
        part.replace(path)
    except MLPLabError:  # not about this file, though it may be an OSError too
        raise
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # a directory that cannot be written holds no part
            part.unlink(missing_ok=True)


def make_directory(path: Path, *, parents: bool = True) -> None:
    """Make a directory, unless it is there.

    Args:
        path: The directory.
        parents: Whether those above it are made too.

    Raises:
        WriteError: It cannot be made.
    """
    try:
        path.mkdir(parents=parents, exist_ok=True)
    except OSError as error:
        raise WriteError(f"No directory {str(path)!r} can be made: {error.strerror}.") from error


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content``, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all; names of files that are no text are spelt."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, content: object) -> None:
    """Write ``content`` as indented JSON, whole or not at all; keys keep their order."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def append_text(path: Path, text: str) -> None:
    """Add ``text`` to the end of a file, whole or not at all, unless the process is killed in it.

    Raises:
        WriteError: The disk is full, or the file cannot be written.
    """
    try:
        with path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                written = 0
                content = text.encode()
                while written < len(content):
                    written += file.write(content[written:]) or 0
            except BaseException:
                file.truncate(size)
                raise
    except OSError as error:
        raise _write_error(path, error) from error


def remove_leftovers(directory: Path) -> None:
    """Remove what writers that were killed have left below ``directory``."""
    for part in directory.rglob(f".*{_PART}"):
        part.unlink(missing_ok=True)


def _write_error(path: Path, error: OSError) -> WriteError:
    return WriteError(f"{str(path)!r} could not be written: {error.strerror or error}.")
