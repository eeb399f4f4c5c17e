"""What a database is connected to with."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from mlp_lab.errors import StorageError
from mlp_lab.sweep.storage import Storage, _engine_arguments

LIMITS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


@pytest.mark.parametrize(
    ("url", "limits"),
    [
        ("postgresql+psycopg://lab@db/lab", LIMITS),
        ("postgresql+psycopg2://lab@db/lab", LIMITS),
        ("postgresql+pg8000://lab@db/lab", None),  # it would refuse them
        ("sqlite:///study.db", None),
        ("mysql+pymysql://lab@db/lab", None),
    ],
)
def test_a_driver_gets_the_limits_that_it_knows(url: str, limits: dict[str, Any] | None) -> None:
    arguments = _engine_arguments(url)
    assert arguments.get("connect_args") == limits
    assert ("pool_size" in arguments) == url.startswith("postgresql")
    assert arguments["pool_pre_ping"]


def test_they_reach_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    given: dict[str, Any] = {}

    def connect(**arguments: Any) -> None:
        given.update(arguments)
        raise psycopg.OperationalError("not here")

    monkeypatch.setattr(psycopg, "connect", connect)
    url = "postgresql+psycopg://lab@db/lab"
    engine = create_engine(url, **_engine_arguments(url))
    with pytest.raises(Exception, match="not here"):
        engine.connect()
    assert given.items() >= LIMITS.items()


def test_a_failure_is_named_by_its_cause_and_not_by_what_was_handled_meanwhile(
    tmp_path: Path,
) -> None:
    cause = OSError("connection timed out")
    cause.__context__ = KeyError(())

    def fail() -> None:
        raise DBAPIError("SELECT 1", None, cause) from cause

    with pytest.raises(StorageError, match=r"reached: connection timed out\. Nothing is lost"):
        Storage("sqlite:///study.db", tmp_path).retry(fail, ())
