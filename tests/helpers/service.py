"""A service on loopback, in a thread of this process, and what asks it."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlp_lab.serve.app import make_app
from mlp_lab.serve.limits import Limits
from mlp_lab.serve.model import ServedModel
from mlp_lab.serve.server import bind, make_server
from mlp_lab.serve.service import Service

JSON = "application/json"
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass(frozen=True)
class Client:
    """Asks a service on loopback, each time on a connection of its own."""

    port: int

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            typed = {} if body is None else {"Content-Type": kind}
            connection.request(method, path, body, typed | dict(headers or {}))
            answer = connection.getresponse()
            return Answer(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, content: object, **headers: str) -> Answer:
        return self.ask("POST", path, json.dumps(content).encode(), headers=headers)

    def send(self, path: str, body: bytes, kind: str, **headers: str) -> Answer:
        return self.ask("POST", path, body, kind, headers)


@contextlib.contextmanager
def serving(path: Path, limits: Limits | None = None, **settings: Any) -> Iterator[Client]:
    """Serve a model within the block."""
    service = Service(ServedModel(path, threads=1), limits or Limits(), **settings)
    server = make_server(make_app(service, ["lab.example"]))
    listener = bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield Client(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def wait_until(is_true: Any) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.005)


def form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    """Return a form of files, and its content type."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"
