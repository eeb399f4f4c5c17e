"""Where a study is kept: a journal in the sweep's directory, or a database that machines share."""

import importlib
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from mlp_lab.errors import ConfigError, MissingExtraError, StorageError, WriteError, first_line

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

T = TypeVar("T")

HEARTBEAT_SECONDS = 10
GRACE_SECONDS = 30
"""How long a worker may be silent before its trial is taken over."""

PAUSES_AT_START = (1, 2, 4)
PAUSES = (1, 2, 4, 8, 15, 30)
"""Seconds before each further try to reach a database."""

_CHECK_IT = "Check that it is there, under this name; then the same command begins, or goes on."
_GO_ON = "Nothing is lost; the same command goes on."

# Else a machine that is gone, and so sends no refusal, would be waited for for many minutes.
_LIBPQ = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def import_optuna() -> Any:
    """Return Optuna, with its chatter off.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise MissingExtraError(
            "A sweep that searches or is shared needs the 'search' extra, which is not installed. "
            'Run: pip install "mlp-lab[search]".'
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Of what it calls experimental, this package uses heartbeats alone.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


class Storage:
    """A storage of Optuna that is made at the first use, and tried again where it fails.

    Args:
        url: The URL of a database; None for a journal in the directory.
        directory: The directory of the sweep.
    """

    def __init__(self, url: str | None, directory: Path) -> None:
        import_optuna()
        self.url = url
        self._engine: Any = None
        self.journal_path = directory / "study.journal"
        self.name = str(self.journal_path) if url is None else _without_secrets(url)

    def open(self) -> "BaseStorage":
        """Return Optuna's storage, with its tables made.

        Raises:
            ConfigError: The URL is none, or its tables are of another version of Optuna.
            MissingExtraError: The database's driver is not installed.
            StorageError: The database cannot be reached.
        """
        if self.url is None:
            from optuna.storages import JournalStorage

            return JournalStorage(_journal_backend(self.journal_path))
        return self.retry(self._open_database, PAUSES_AT_START, _CHECK_IT)

    def _open_database(self) -> "BaseStorage":
        from optuna.storages import RDBStorage
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        assert self.url is not None
        try:
            storage = RDBStorage(
                self.url,
                _engine_arguments(self.url),
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
            )
        except ImportError as error:
            raise MissingExtraError(
                f"The driver of storage {self.name!r} is not installed: {_cause(error)}."
            ) from error
        except NoSuchModuleError as error:
            name = self.url.partition(":")[0]
            raise ConfigError(
                f"storage {self.name!r} names {name!r}, which is no database and driver of "
                "SQLAlchemy. Write postgresql+psycopg://USER@HOST/DATABASE, for example."
            ) from error
        except (ArgumentError, RuntimeError) as error:
            raise ConfigError(
                f"storage {self.name!r} cannot be used: {self._hide(first_line(error))}"
            ) from error

        self._engine = storage.engine
        return storage

    def close(self) -> None:
        """Close the connections of a database."""
        if self._engine is not None:
            self._engine.dispose()

    def retry(
        self,
        operation: Callable[[], T],
        pauses: Sequence[float] | None = None,
        advice: str = _GO_ON,
    ) -> T:
        """Do something with the storage, again where the database fails.

        Args:
            operation: What is done.
            pauses: Seconds before each further try; by default those of a training.
            advice: What to do where all fail.

        Raises:
            StorageError: It failed each time.
            WriteError: The journal cannot be written.
        """
        if self.url is None:
            try:
                return operation()
            except OSError as error:
                reason = error.strerror or error
                raise WriteError(f"{self.name!r} could not be written: {reason}.") from error
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import DBAPIError, TimeoutError

        for pause in (*(PAUSES if pauses is None else pauses), None):
            try:
                return operation()
            except (StorageInternalError, DBAPIError, TimeoutError) as error:
                if pause is None:
                    raise StorageError(
                        f"storage {self.name!r} cannot be reached: "
                        f"{self._hide(_cause(error)).rstrip('.')}. {advice}"
                    ) from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _hide(self, message: str) -> str:
        """Keep the message of a driver from showing the password."""
        from sqlalchemy.engine import make_url

        password = make_url(str(self.url)).password
        return message.replace(str(password), "***") if password else message


def _without_secrets(url: str) -> str:
    """Return a database's URL without user, password and options.

    Raises:
        ConfigError: It is no URL.
    """
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "storage is no URL of a database; write --storage "
            "postgresql+psycopg://USER@HOST/DATABASE."
        ) from error
    bare = URL.create(
        parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
    )
    return bare.render_as_string()


def _engine_arguments(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy's engine is made with, besides its URL.

    Raises:
        NoSuchModuleError: SQLAlchemy knows no such database or driver.
    """
    from sqlalchemy.engine import make_url

    dialect = make_url(url).get_dialect()
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if dialect.name == "postgresql":
        # Two at once is all that a worker needs; a server has a hundred for all of them.
        arguments |= {"pool_size": 1, "max_overflow": 1}
    if dialect.driver in ("psycopg", "psycopg2"):
        arguments["connect_args"] = _LIBPQ
    return arguments


def _cause(error: BaseException) -> str:
    """Return what an error was raised from in the first place."""
    while inner := error.__cause__:
        error = inner
    return first_line(error)


def _journal_backend(path: Path) -> Any:
    """Return the file of a journal, whose lock is free once its process has ended."""
    from optuna.storages.journal import JournalFileBackend
    from optuna.storages.journal._file import BaseJournalFileLock

    class JournalLock(BaseJournalFileLock):
        """Optuna's own would keep the others waiting for half a minute after a kill."""

        def __init__(self) -> None:
            self._lock = FileLock(path.with_name(f".{path.name}.lock"))

        def acquire(self) -> bool:
            """Wait for the lock, and cut off what a process that was killed has half written."""
            self._lock.acquire()
            with path.open("rb+") as journal:
                size = journal.seek(0, os.SEEK_END)
                journal.seek(max(0, size - 1))
                if journal.read() not in (b"", b"\n"):
                    journal.truncate(path.read_bytes().rfind(b"\n") + 1)
            return True

        def release(self) -> None:
            """Let the others write."""
            self._lock.release()

    return JournalFileBackend(str(path), JournalLock())
