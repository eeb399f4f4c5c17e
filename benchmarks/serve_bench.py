"""Time mlp-lab serve over loopback, against mlflow models serve and LitServe with the same model.

    .venv/bin/python benchmarks/serve_bench.py runs/base/version_0

mlflow is of the development environment; LitServe wants an environment of its own with onnxruntime,
whose Python is named by ``--litserve``. Each service runs alone, in a process of its own; the
clients are in this one and take a share of the cores. Flat memory shows over ``--soak`` requests.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.inference import Predictor
from mlp_lab.runs.run import Run

CLIENTS = 32
BATCH_SIZE = 1024
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PATIENCE_SECONDS = 120

LITSERVE = """
import sys
import litserve
import numpy
import onnxruntime

class Model(litserve.LitAPI):
    def setup(self, device):
        self.session = onnxruntime.InferenceSession(sys.argv[1])

    def decode_request(self, request):
        return numpy.asarray(request["inputs"], numpy.uint8)

    def batch(self, inputs):
        return numpy.stack(inputs)

    def predict(self, inputs):
        return self.session.run(None, {"inputs": inputs})[1]

    def unbatch(self, outputs):
        return outputs

    def encode_response(self, output):
        return {"probabilities": output.tolist()}

if __name__ == "__main__":
    api = Model(max_batch_size=32, batch_timeout=0.001)
    litserve.LitServer(api, accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False
    )
"""


@dataclass(frozen=True)
class Rival:
    """A service to be timed.

    Attributes:
        name: Its name.
        command: Starts it, from a port on.
        path: Where predictions are asked for.
        body: From inputs to a body of JSON.
        health: Path that is answered once it works.
    """

    name: str
    command: Callable[[int], list[str]]
    path: str
    body: Callable[[np.ndarray], dict[str, Any]]
    health: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="a run with model.onnx")
    parser.add_argument("--litserve", type=Path, help="a Python that has litserve and onnxruntime")
    parser.add_argument("--mlflow", action="store_true", help="time mlflow models serve too")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=int, default=0, help="requests to watch the memory over")
    parser.add_argument("--windows", type=float, nargs="*", default=[], help="more batch windows")
    arguments = parser.parse_args()
    model = Run(arguments.run).model_path
    shape = Predictor(model).info.input_shape
    images = np.random.default_rng(0).integers(0, 256, (BATCH_SIZE, *shape), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for rival in rivals(model, Path(folder), arguments):
            measure(rival, images, arguments)
    own = serve(model)
    starts = [statistics.median(start_up(own) for _ in range(5))]
    print(f"start to first answer: {starts[0]:.2f} s, median of 5")
    archives(own, images, arguments)
    if arguments.soak:
        soak(own, images[0], arguments.soak)


def serve(model: Path, window: float = 0.0) -> Rival:
    """Return mlp-lab serve."""
    command = [sys.executable, "-m", "mlp_lab", "serve", str(model)]
    command += ["--batch-window-ms", str(window), "--port"]
    name = f"mlp-lab serve, window {window:g} ms" if window else "mlp-lab serve"
    return Rival(
        name,
        lambda port: [*command, str(port)],
        "/api/predict",
        lambda image: {"inputs": [image.tolist()]},
        "/healthz",
    )


def rivals(model: Path, folder: Path, arguments: argparse.Namespace) -> Iterator[Rival]:
    """Yield the services that can be compared."""
    yield serve(model)
    for window in arguments.windows:
        yield serve(model, window)
    if arguments.litserve:
        (folder / "lit.py").write_text(LITSERVE)
        command = [str(arguments.litserve), str(folder / "lit.py"), str(model.absolute())]
        yield Rival(
            "LitServe, batches up to 32",
            lambda port: [*command, str(port)],
            "/predict",
            lambda image: {"inputs": image.tolist()},
            "/health",
        )
    if arguments.mlflow:
        save_for_mlflow(model, folder / "mlflow")
        bare = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        bare += ["--model-uri", str(folder / "mlflow"), "--port"]
        yield Rival(
            "mlflow models serve",
            lambda port: [*bare, str(port)],
            "/invocations",
            lambda image: {"inputs": {"inputs": [image.tolist()]}},
            "/ping",
        )


def save_for_mlflow(model: Path, folder: Path) -> None:
    """Write what mlflow serves, with the type that the model takes."""
    import mlflow
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    info = Predictor(model).info
    spec = TensorSpec(np.dtype(info.input_type), (-1, *info.input_shape), "inputs")
    signature = ModelSignature(inputs=Schema([spec]))
    mlflow.onnx.save_model(onnx.load(model), folder, signature=signature)


@contextlib.contextmanager
def running(rival: Rival) -> Iterator[tuple[int, int]]:
    """Start a service; within the block it answers. Yields its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            rival.command(port), stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for(port, rival.health)
            yield port, process.pid
        except TimeoutError:
            log.seek(0)
            sys.exit(log.read().decode(errors="replace"))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def wait_for(port: int, path: str) -> None:
    """Wait until a path is answered with 200."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as found:
            found.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            if b" 200 " in found.recv(100):
                return
        time.sleep(0.005)
    raise TimeoutError


def start_up(rival: Rival) -> float:
    """Return the seconds from the start of a service to its first answer."""
    start = time.perf_counter()
    with running(rival):
        return time.perf_counter() - start


def measure(rival: Rival, images: np.ndarray, arguments: argparse.Namespace) -> None:
    """Print latency of a lone client and requests per second of many."""
    bodies = [json.dumps(rival.body(image)).encode() for image in images[:64]]
    requests = [post(rival.path, body) for body in bodies]
    with running(rival) as (port, pid):
        asyncio.run(load(port, requests, 1, 1.0))
        alone, many = [], []
        for _ in range(arguments.rounds):
            times = asyncio.run(load(port, requests, 1, arguments.seconds))
            alone.append(1000 * statistics.median(times))
            times = asyncio.run(load(port, requests, CLIENTS, arguments.seconds))
            many.append(len(times) / arguments.seconds)
        before = cpu_seconds(pid)
        times = asyncio.run(load(port, requests, CLIENTS, arguments.seconds))
        cost = 1000 * (cpu_seconds(pid) - before) / len(times)
    print(
        f"{rival.name}: 1 client, median {statistics.median(alone):.2f} ms "
        f"({min(alone):.2f} to {max(alone):.2f}); {CLIENTS} clients "
        f"{statistics.median(many):,.0f} requests/s ({min(many):,.0f} to {max(many):,.0f}), "
        f"{cost:.2f} ms of a core each",
        flush=True,
    )


def archives(rival: Rival, images: np.ndarray, arguments: argparse.Namespace) -> None:
    """Print images per second in .npz of 1,024."""
    file = io.BytesIO()
    np.savez(file, x=images)
    kind = "application/x-npz"
    request = post(rival.path, file.getvalue(), f"content-type: {kind}\r\naccept: {kind}\r\n")
    with running(rival) as (port, _):
        for clients in (1, 2, 4):
            asyncio.run(load(port, [request], clients, 1.0))
            rates = []
            for _ in range(arguments.rounds):
                times = asyncio.run(load(port, [request], clients, arguments.seconds))
                rates.append(len(times) * len(images) / arguments.seconds)
            print(
                f".npz of {len(images):,}, {clients} clients: {statistics.median(rates):,.0f} "
                f"images/s ({min(rates):,.0f} to {max(rates):,.0f})",
                flush=True,
            )


def soak(rival: Rival, image: np.ndarray, num: int) -> None:
    """Print the memory of the service while it answers many requests."""
    request = post(rival.path, json.dumps(rival.body(image)).encode())
    with running(rival) as (port, pid):
        for part in range(11):
            print(f"after {part * num // 10:,} requests: {resident(pid):.1f} MB", flush=True)
            if part < 10:
                asyncio.run(load(port, [request], CLIENTS, None, num // 10))


def cpu_seconds(group: int) -> float:
    """Return the processor's time that a process, and those it has started, have taken."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Return the memory that a process holds, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def post(path: str, body: bytes, headers: str = "content-type: application/json\r\n") -> bytes:
    """Return a request."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def load(
    port: int,
    requests: Sequence[bytes],
    clients: int,
    seconds: float | None,
    num: int | None = None,
) -> list[float]:
    """Ask as many clients do, one request after the other each, and return all seconds taken."""
    times: list[float] = []
    end = time.perf_counter() + (seconds or _PATIENCE_SECONDS * 10)

    async def client(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        place = first
        while time.perf_counter() < end and (num is None or len(times) < num):
            start = time.perf_counter()
            writer.write(requests[place % len(requests)])
            await answer(reader)
            times.append(time.perf_counter() - start)
            place += 1
        writer.close()

    await asyncio.gather(*(client(first) for first in range(clients)))
    return times


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read an answer, which must be 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError((head + await reader.read(500)).decode(errors="replace"))
    return await reader.readexactly(int(length[1]))


if __name__ == "__main__":
    main()
