"""A PostgreSQL server of a test's own, on loopback."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.processes import free_port, wait_for

PASSWORD = "s3cr3t-of-the-test"


def find_binaries() -> Path | None:
    """Return where the server's programs are, those of Debian's package first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    on_path = shutil.which("postgres")
    return found[0].parent if found else Path(on_path).parent if on_path else None


class Server:
    """A server that can be stopped and started.

    Args:
        directory: Where its data go.
    """

    def __init__(self, directory: Path) -> None:
        binaries = find_binaries()
        if binaries is None:
            pytest.skip("needs PostgreSQL's programs: apt-get install postgresql")
        self._binaries = binaries
        self._data = directory / "postgresql"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            user = pwd.getpwnam(self._user)
            for parent in (directory, *directory.parents):
                if parent.stat().st_mode & 0o005 != 0o005:
                    parent.chmod(parent.stat().st_mode | 0o011)
            self._data.mkdir()
            os.chown(self._data, user.pw_uid, user.pw_gid)
        password = directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        words = ["--username=lab", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync"]
        self._run("initdb", f"--pgdata={self._data}", *words)

    @property
    def url(self) -> str:
        """The URL of its database for a study."""
        return f"postgresql+psycopg://lab:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [f"-p{self.port}", "-k", "", "-h", "127.0.0.1", "-F"]
        self._process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self._data, *settings],
            user=self._user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.answers, lambda: self._process is not None and self._process.poll() is None)

    def answers(self) -> bool:
        """Whether it takes connections."""
        words = ["-q", "-h", "127.0.0.1", f"-p{self.port}"]
        return subprocess.run([self._binaries / "pg_isready", *words], check=False).returncode == 0

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))
                self._process.wait(60)
            self._process = None

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._binaries / program, *words],
            user=self._user,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def postgresql(directory: Path) -> Iterator[Server]:
    """Start a server for as long as it is needed."""
    server = Server(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
