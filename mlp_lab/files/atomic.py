"""Files are written whole or not at all: to a neighbour first, which then takes the name."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from mlp_lab.errors import MLPLabError, WriteError

_PART = ".part"


_kept: dict[Path, tuple[int, int]] = {}


def keep_to(directory: Path) -> None:
    """Write below a directory from now on only as long as it is this one, until ``let_go``.

    It may be renamed or removed while a training writes into it, and another may take its name.
    """
    _kept[directory.absolute()] = _identity(directory)


def let_go(directory: Path) -> None:
    """Write below a directory as below any other again."""
    with contextlib.suppress(OSError):  # the working directory is gone
        _kept.pop(directory.absolute(), None)


def find_kept(directory: Path) -> Path:
    """Return where a directory that is kept to is by now: it, or its parent, may have been renamed.

    Raises:
        WriteError: It is nowhere near.
    """
    identity = _kept.get(directory.absolute())
    parent = directory.parent
    with contextlib.suppress(OSError):  # what is gone, or may not be looked at
        for path in (directory, *parent.parent.glob("*"), *parent.parent.glob("*/*")):
            if path.is_dir() and _identity(path) == identity:
                return path
    raise _moved(directory)


def _identity(directory: Path) -> tuple[int, int]:
    status = directory.stat()
    return status.st_dev, status.st_ino


def _moved(directory: Path) -> WriteError:
    return WriteError(
        f"The directory {str(directory)!r} was renamed or removed while it was written to. A run "
        "goes on under its new name: mlp-lab fit --run_dir DIRECTORY"
    )


def _check_place(path: Path) -> None:
    """Refuse to write below a directory that is kept to, and is another one now.

    Raises:
        WriteError: It is.
    """
    directory = path.parent
    try:
        for directory in path.absolute().parents:
            if directory in _kept and _identity(directory) != _kept[directory]:
                raise _moved(directory)
    except FileNotFoundError as error:
        raise _moved(directory) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it when the block ends without error.

    Readers see the old content or the new one, never a part. The neighbour carries the process
    number, so that two writers do not share it.

    Raises:
        WriteError: The disk is full, or the place cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    _check_place(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as written:  # some systems flush only what may be written
            os.fsync(written.fileno())
        part.replace(path)
    except MLPLabError:  # not about this file, though it may be an OSError too
        raise
    except OSError as error:
        _check_place(path)  # which may have gone meanwhile
        raise _write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # a directory that cannot be written holds no part
            part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content``, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all; file names that are no text are escaped."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: Path, content: object) -> None:
    """Write ``content`` as indented JSON, whole or not at all; keys keep their order."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def append_text(path: Path, text: str) -> None:
    """Add ``text`` to the end of a file, whole or not at all, unless the process is killed in it.

    Raises:
        WriteError: The disk is full, or the file cannot be written.
    """
    _check_place(path)
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
