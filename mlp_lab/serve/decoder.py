"""Processes that decode what clients send, and can be killed where that takes too long.

``python -m mlp_lab.serve.decoder`` is one of them: it reads the model's description and the limits,
then one body after the other, and writes arrays or errors.
"""

import asyncio
import json
import logging
import os
import signal
import struct
import sys
import warnings
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from mlp_lab.inference import ModelInfo
from mlp_lab.processes.signals import begin_helper
from mlp_lab.processes.threads import count_cores
from mlp_lab.serve.bodies import Inputs, decode_body
from mlp_lab.serve.limits import MEGABYTE, Limits, RequestError

_LENGTHS = struct.Struct("<QQ")  # of a message's description, and of its content
_MOST_PROCESSES = 4


class Decoders:
    """As many processes as there are cores, at most four, started when they are needed.

    Args:
        info: Of the model.
        limits: Bounds of requests.
    """

    def __init__(self, info: ModelInfo, limits: Limits) -> None:
        self._setup = {"info": info.plain(), "limits": asdict(limits)}
        self._seconds = limits.decode_seconds
        self._places = asyncio.Semaphore(min(count_cores(), _MOST_PROCESSES))
        self._idle: list[Process] = []

    async def start(self) -> None:
        """Start the first, so that no request has to wait for it."""
        self._idle.append(await self._start_process())

    async def decode(self, content_type: str, body: bytes) -> Inputs:
        """Decode a body in one of them; see ``decode_body``.

        Raises:
            RequestError: It cannot be decoded, holds too much, or took too long.
        """
        async with self._places:
            try:
                process = self._idle.pop() if self._idle else await self._start_process()
            except OSError as error:
                raise RequestError(
                    503, f"No process can be started to decode it: {error.strerror}."
                ) from error
            is_sound = False
            try:
                async with asyncio.timeout(self._seconds):
                    await _send(process, {"content_type": content_type}, body)
                    reply, content = await _receive(process)
                is_sound = True
            except TimeoutError as error:
                raise RequestError(
                    422, f"It could not be decoded within {self._seconds:g} seconds."
                ) from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise RequestError(
                    503, "The process that decoded it was killed, perhaps because memory ran out."
                ) from error
            finally:
                if is_sound:
                    self._idle.append(process)
                else:
                    await _kill(process)
        if "error" in reply:
            raise RequestError(reply["status"], reply["error"])
        array = np.frombuffer(content, reply["dtype"]).reshape(reply["shape"])
        return Inputs(array, reply["files"], reply["fields"])

    async def stop(self) -> None:
        """End those that do nothing."""
        while self._idle:
            await _kill(self._idle.pop())

    async def _start_process(self) -> Process:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(os.path.abspath(place) for place in sys.path),  # noqa: PTH100  # may be empty
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = (sys.executable, "-P", "-m", "mlp_lab.serve.decoder", str(os.getpid()))
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment
        )
        await _send(process, self._setup, b"")
        return process


async def _send(process: Process, description: dict[str, Any], content: bytes) -> None:
    assert process.stdin is not None
    head = json.dumps(description).encode()
    process.stdin.write(_LENGTHS.pack(len(head), len(content)) + head)
    process.stdin.write(content)
    await process.stdin.drain()


async def _receive(process: Process) -> tuple[dict[str, Any], bytes]:
    assert process.stdout is not None
    lengths = _LENGTHS.unpack(await process.stdout.readexactly(_LENGTHS.size))
    head, content = [await process.stdout.readexactly(length) for length in lengths]
    return json.loads(head), content


async def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


def main() -> None:
    """Decode until there is nothing more to read."""
    begin_helper(int(sys.argv[1]), signal.SIGKILL)
    # What is wrong with a body is for its client to know, and no line in the service's log.
    logging.disable()
    warnings.simplefilter("ignore")
    source, target = sys.stdin.buffer, sys.stdout.buffer
    setup, _ = _read_message(source)
    info, limits = ModelInfo.from_plain(setup["info"]), Limits(**setup["limits"])
    _limit_memory(limits.decode_megabytes)
    while True:
        try:
            request, body = _read_message(source)
        except EOFError:
            return
        reply: dict[str, Any]
        content = b""
        try:
            found = decode_body(request["content_type"], body, info, limits)
            array = np.ascontiguousarray(found.array)
            content = array.tobytes()
            reply = {"shape": array.shape, "dtype": str(array.dtype), "files": found.files}
            reply["fields"] = found.fields
        except RequestError as error:
            reply = {"status": error.status, "error": str(error)}
        except MemoryError:
            reply = {"status": 413, "error": "It takes too much memory to decode."}
        head = json.dumps(reply).encode()
        target.write(_LENGTHS.pack(len(head), len(content)) + head + content)
        target.flush()


def _read_message(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    lengths = _LENGTHS.unpack(_read(source, _LENGTHS.size))
    head, content = [_read(source, length) for length in lengths]
    return json.loads(head), content


def _read(source: BinaryIO, length: int) -> bytes:
    content = source.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _limit_memory(megabytes: int) -> None:
    """Refuse more memory than that, beside what the interpreter has taken by now."""
    if sys.platform != "linux":
        return
    import resource  # not on all systems

    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # no file of ours
        taken = int(file.read().split()[0]) * resource.getpagesize()
    most = taken + megabytes * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
