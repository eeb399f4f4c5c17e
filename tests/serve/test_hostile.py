"""Whatever is sent: an answer in JSON with a right status, and the service goes on as before."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.service import JSON, PATIENCE_SECONDS, Client, form
from tests.serve.conftest import to_npz, to_png

STATUSES = {200, 400, 403, 404, 405, 408, 413, 415, 422, 429}
MOST_GROWTH_MEGABYTES = 30  # of a process of 100 MB, for what allocators keep

IMAGE = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
GOOD = {
    JSON: json.dumps({"inputs": IMAGE.tolist()}).encode(),
    "image/png": to_png(IMAGE),
    "image/jpeg": to_png(IMAGE, "JPEG"),
    "image/gif": to_png(IMAGE, "GIF"),
    "image/tiff": to_png(IMAGE, "TIFF"),
    "application/x-npz": to_npz(x=IMAGE[None]),
    form()[1]: form(("a.png", to_png(IMAGE)), ("b.png", to_png(IMAGE)))[0],
}

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.just(10**400),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
)
values = st.recursive(
    numbers,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=70,
)
images = st.lists(st.lists(st.integers(-1, 256), min_size=7, max_size=9), min_size=7, max_size=9)
objects = st.fixed_dictionaries(
    {},
    optional={
        "inputs": values | images,
        "input": values | images,
        "top_k": values,
        "label": values,
        "rows": values,
        "range": values,
        "resolution": values,
    },
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, str]:
    """A body of some kind, some bytes of it others, cut, or doubled."""
    kind = draw(st.sampled_from([*GOOD]))
    body = bytearray(GOOD[kind])
    for place in draw(st.lists(st.integers(0, len(body) - 1), max_size=8)):
        body[place] = draw(st.integers(0, 255))
    start = draw(st.sampled_from([0, 0, 0, draw(st.integers(0, len(body)))]))
    end = draw(st.sampled_from([len(body), len(body), draw(st.integers(0, len(body)))]))
    return bytes(body[start:end]) * draw(st.sampled_from([1, 1, 2])), kind


bodies = st.one_of(
    damaged(),
    st.tuples(objects.map(lambda content: json.dumps(content).encode()), st.just(JSON)),
    st.tuples(st.binary(max_size=300), st.sampled_from([*GOOD])),
    st.tuples(st.sampled_from([*GOOD.values()]), st.sampled_from([*GOOD])),
    st.tuples(
        st.integers(1, 100_000).map(lambda depth: b'{"inputs":' + b"[" * depth), st.just(JSON)
    ),
    st.tuples(st.sampled_from([*GOOD.values()]), st.text("abc/;= -\t", max_size=20)),
)
paths = st.sampled_from(
    ["/api/predict", "/api/predict", "/api/seen", "/api/occlusion", "/api/surface", "/api/model"]
)
answers = st.sampled_from(["*/*", "application/x-npz"])

methods = st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"\xff"])
lines = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Host: localhost",
                b"Host: evil.example",
                b"Content-Length: 10",
                b"Content-Length: 99999999999999999999",
                b"Content-Length: x",
                b"Transfer-Encoding: chunked",
                b"Expect: 100-continue",
                b"Upgrade: websocket",
                b"Connection: upgrade",
                b"Content-Type: multipart/form-data; boundary=" + b"x" * 100,
                b"Content-Type: application/json",
            ]
        ),
        st.binary(max_size=30),
    ),
    max_size=6,
)
targets = st.sampled_from([b"/", b"/api/predict", b"*", b"//evil.example", b"http://[", b"/%ff"])


@st.composite
def raw(draw: st.DrawFn) -> bytes:
    """A request as bytes, right or wrong from its first line on; then the connection is cut."""
    head = b"\r\n".join([draw(methods) + b" " + draw(targets) + b" HTTP/1.1", *draw(lines)])
    return head + b"\r\n\r\n" + draw(st.binary(max_size=60))


def ask(client: Client, body: tuple[bytes, str], path: str, accept: str) -> None:
    content, kind = body
    try:
        answer = client.send(path, content, kind, Accept=accept)
    except ValueError:  # no header of HTTP
        return
    assert answer.status in STATUSES, (answer, body, path)
    if answer.status != 200:
        error = answer.json["error"]
        assert answer.json.keys() == {"error"}
        assert "Traceback" not in error
        assert len(error) < 1000
    elif answer.headers["content-type"] == JSON:
        json.loads(answer.body, parse_constant=lambda name: pytest.fail(name))


def cut(client: Client, request: bytes) -> None:
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", client.port), PATIENCE_SECONDS) as connection,
    ):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = connection.recv(2**16)
        if received:
            status = int(received.split(b" ", 2)[1])
            assert status in STATUSES | {100}, (received, request)


quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestSome:
    @given(body=bodies, path=paths, accept=answers)
    @quick
    def test_bodies(self, digits: Client, body: tuple[bytes, str], path: str, accept: str) -> None:
        ask(digits, body, path, accept)

    @given(request=raw())
    @quick
    def test_requests(self, digits: Client, request: bytes) -> None:
        cut(digits, request)
        assert digits.get("/healthz").status == 200


@pytest.fixture(scope="module")
def process(digits_run: Path) -> Iterator[tuple[Client, "subprocess.Popen[str]"]]:
    """The command as a process of its own, whose memory is known."""
    words = [sys.executable, "-m", "mlp_lab", "serve", str(digits_run), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as service:
        try:
            assert service.stdout is not None
            found = re.search(r":(\d+);", service.stdout.readline())
            assert found
            yield Client(int(found[1])), service
        finally:
            service.terminate()


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process and of those that it started."""
    pids = [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return sum(
        int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text())[0]) / 1024
        for one in pids
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path(f"/proc/{os.getpid()}/task").exists(), reason="wants Linux")
class TestMany:
    """Ten thousand, with the memory before and after."""

    def test_bodies(self, process: Any) -> None:
        client, service = process

        @given(body=bodies, path=paths, accept=answers)
        @settings(quick, max_examples=8000)
        def run(body: tuple[bytes, str], path: str, accept: str) -> None:
            ask(client, body, path, accept)

        for _ in range(200):  # what is made once is made
            ask(client, (GOOD["image/png"], "image/png"), "/api/predict", "*/*")
        before = resident_megabytes(service.pid)
        run()
        assert client.get("/healthz").json == {"status": "ok"}
        assert resident_megabytes(service.pid) - before < MOST_GROWTH_MEGABYTES
        assert service.poll() is None

    def test_requests(self, process: Any) -> None:
        client, service = process

        @given(request=raw())
        @settings(quick, max_examples=2000)
        def run(request: bytes) -> None:
            cut(client, request)

        before = resident_megabytes(service.pid)
        run()
        assert client.get("/healthz").json == {"status": "ok"}
        assert resident_megabytes(service.pid) - before < MOST_GROWTH_MEGABYTES
        service.terminate()
        assert service.wait(PATIENCE_SECONDS) == 143
        assert service.stderr.read() == ""
