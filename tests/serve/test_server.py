"""The command as a process: signals, slow clients, cut connections."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.serve.limits import Limits
from tests.helpers.service import PATIENCE_SECONDS, Client, serving, wait_until

HEAD = b"POST /api/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
BODY = b'{"inputs": [' + b",".join([b"[0,0,0,0,0,0,0,0]"] * 8) + b"]}"
REQUEST = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@contextlib.contextmanager
def command(*words: str) -> Iterator[tuple[subprocess.Popen[str], Client, str]]:
    """Run mlp-lab serve as a process of its own, and yield it with its first line."""
    arguments = [sys.executable, "-m", "mlp_lab", "serve", *words, "--port", "0"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            port = re.search(r":(\d+);", line)
            assert port, line + process.stdout.read()
            yield process, Client(int(port[1])), line
        finally:
            process.kill()


def connect(client: Client) -> socket.socket:
    return socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE_SECONDS)


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer whole, in however many pieces it arrives."""
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status, answer.read()


def test_the_command_drains_and_ends_with_143(digits_run: Path) -> None:
    with command(str(digits_run)) as (process, client, line):
        assert line.startswith(f"serving {digits_run} at http://127.0.0.1:{client.port};")
        with connect(client) as connection:
            connection.sendall(REQUEST[:-5])
            wait_until(lambda: client.get("/healthz").status == 200)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: not accepts(client))
            connection.sendall(REQUEST[-5:])
            assert answer_on(connection)[0] == 200
        assert process.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
        assert process.stdout is not None
        assert process.stdout.read() == ""


def accepts(client: Client) -> bool:
    try:
        connect(client).close()
    except OSError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_requests_that_do_not_end_are_left(digits_run: Path, signum: signal.Signals) -> None:
    with command(str(digits_run)) as (process, client, _), connect(client) as connection:
        connection.sendall(REQUEST[:-5])
        assert client.get("/healthz").status == 200
        start = time.monotonic()
        process.send_signal(signum)
        assert process.wait(PATIENCE_SECONDS) == 128 + signum
        assert time.monotonic() - start >= 3  # it was waited for


def test_a_slow_body_is_given_up(digits_run: Path) -> None:
    with serving(digits_run, Limits(body_seconds=0.05)) as client, connect(client) as connection:
        connection.sendall(REQUEST[:-5])
        status, body = answer_on(connection)
        assert status == 408
        assert json.loads(body) == {"error": "The body did not arrive within 0.05 seconds."}


def test_connections_on_which_nothing_moves_are_closed(
    digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_lab.serve.server._IDLE_SECONDS", 0.05)
    with serving(digits_run) as client:
        for sent in (b"", b"GET /healthz HT", HEAD, REQUEST + HEAD):
            with connect(client) as connection:
                connection.sendall(sent)
                received = b"".join(iter(lambda: receive(connection), b""))
            assert (b"200 OK" in received) == (sent == REQUEST + HEAD)


def receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(2**16)
    except ConnectionResetError:
        return b""


def test_there_is_an_end_to_connections(digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlp_lab.serve.server._MOST_CONNECTIONS", 3)
    with serving(digits_run) as client, contextlib.ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(connect(client))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert answer_on(connection)[0] == 200
        more = stack.enter_context(connect(client))
        assert receive(more) == b""


def test_cut_connections_leave_nothing(digits_run: Path) -> None:
    with serving(digits_run, Limits(requests_at_once=20)) as client:
        for length in range(0, len(REQUEST), 2):
            with connect(client) as connection:
                connection.sendall(REQUEST[:length])
        wait_until(lambda: client.get("/healthz").status == 200)
        with connect(client) as connection:
            connection.sendall(REQUEST)
            assert answer_on(connection)[0] == 200


@pytest.mark.parametrize(
    "request_", [b"\0\1\2\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"x" * 2**17]
)
def test_what_is_no_http_is_refused_as_json(digits_run: Path, request_: bytes) -> None:
    with serving(digits_run) as client, connect(client) as connection:
        connection.sendall(request_)
        status, body = answer_on(connection)
        assert status == 400
        assert json.loads(body) == {"error": "This is no request of HTTP/1.1."}


@pytest.mark.slow
def test_decoding_processes_end_with_a_service_that_is_killed(digits_run: Path) -> None:
    with command(str(digits_run)) as (process, client, _):
        client.send("/api/predict", b"GIF", "image/gif")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("wants Linux")
        pids = [int(pid) for pid in children.read_text().split()]
        assert pids
        process.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in pids))


def is_alive(pid: int) -> Any:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False
