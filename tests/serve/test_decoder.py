"""Processes that decode, killed where they hang or die."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.inference import Predictor
from mlp_lab.serve.decoder import Decoders
from mlp_lab.serve.limits import Limits, RequestError
from tests.serve.conftest import to_png


@pytest.fixture
def decoders(digits_run: Path) -> Decoders:
    return Decoders(Predictor(digits_run / "model.onnx").info, Limits())


def test_a_process_that_was_killed_is_replaced(
    decoders: Decoders, images: NDArray[np.uint8]
) -> None:
    png = to_png(images[0])

    async def run() -> None:
        await decoders.start()
        (process,) = decoders._idle
        assert (await decoders.decode("image/png", png)).array.tolist() == images[:1].tolist()
        assert decoders._idle == [process]
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        with pytest.raises(RequestError, match="was killed, perhaps because memory ran out"):
            await decoders.decode("image/png", png)
        assert (await decoders.decode("image/png", png)).array.tolist() == images[:1].tolist()
        await decoders.stop()
        assert decoders._idle == []

    asyncio.run(run())


def test_one_that_hangs_is_killed(digits_run: Path, images: NDArray[np.uint8]) -> None:
    decoders = Decoders(Predictor(digits_run / "model.onnx").info, Limits(decode_seconds=0.2))

    async def run() -> None:
        await decoders.start()
        (process,) = decoders._idle
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(RequestError, match=r"could not be decoded within 0.2 seconds"):
            await decoders.decode("image/png", to_png(images[0]))
        assert process.returncode == -signal.SIGKILL
        await decoders.stop()

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="wants Linux")  # noqa: PTH110
def test_memory_is_bounded(digits_run: Path) -> None:
    decoders = Decoders(Predictor(digits_run / "model.onnx").info, Limits(decode_megabytes=64))
    body = b'{"inputs": [' + b"[[]]," * 900_000 + b"[[]]]}"

    async def run() -> None:
        with pytest.raises(RequestError, match="takes too much memory to decode") as found:
            await decoders.decode("application/json", body)
        assert found.value.status == 413
        await decoders.stop()

    asyncio.run(run())
