"""Requests that arrive together go through the net together."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import MLPLabError
from mlp_lab.inference.backends import FloatArray

Results = tuple[FloatArray, ...]

_MOST_AT_ONCE = 1024  # more only take memory


class Batcher:
    """Run a net in a thread of its own, on all inputs that wait for it.

    While one batch is computed the next one gathers, so that many clients share a batch and a lone
    one waits for nobody.

    Args:
        forward: From inputs ``(N, ...)`` to outputs, each ``(N, K)``; may raise an MLPLabError.
        window_seconds: How long a batch waits for more after its first inputs have come.
    """

    def __init__(
        self, forward: Callable[[NDArray[Any]], Results], window_seconds: float = 0.0
    ) -> None:
        self._forward = forward
        self._window_seconds = window_seconds
        self._waiting: deque[tuple[NDArray[Any], asyncio.Future[Results]]] = deque()
        self._thread = ThreadPoolExecutor(1, "net")
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def run(self, inputs: NDArray[Any]) -> Results:
        """Return what the net answers to some inputs.

        Raises:
            MLPLabError: As the net does.
        """
        future: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
        self._waiting.append((inputs, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    def stop(self) -> None:
        """Compute no more than the part that is being computed."""
        self._stopped = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if self._window_seconds:
                    await asyncio.sleep(self._window_seconds)
                together = self._take()
                arrays = [inputs for inputs, _ in together]
                answers = await loop.run_in_executor(self._thread, self._answer, arrays)
                for (_, future), answer in zip(together, answers, strict=True):
                    if future.done():  # its client has gone
                        continue
                    if isinstance(answer, Exception):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
        finally:
            self._task = None

    def _take(self) -> list[tuple[NDArray[Any], asyncio.Future[Results]]]:
        """Take the inputs that wait, as many as are computed at once, or the first of all."""
        taken: list[tuple[NDArray[Any], asyncio.Future[Results]]] = []
        num = 0
        while self._waiting and (not taken or num + len(self._waiting[0][0]) <= _MOST_AT_ONCE):
            taken.append(self._waiting.popleft())
            num += len(taken[-1][0])
        return taken

    def _answer(self, arrays: Sequence[NDArray[Any]]) -> list[Results | Exception]:
        """Answer each; where they fail together, each by itself."""
        try:
            results = self._compute(arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
        except MLPLabError as error:
            if len(arrays) == 1:
                return [error]
            return [answer for inputs in arrays for answer in self._answer([inputs])]
        except Exception as error:
            return [error] * len(arrays)
        ends = np.cumsum([len(inputs) for inputs in arrays])
        starts = [0, *ends[:-1]]
        return [
            tuple(result[start:end] for result in results)
            for start, end in zip(starts, ends, strict=True)
        ]

    def _compute(self, inputs: NDArray[Any]) -> Results:
        if len(inputs) <= _MOST_AT_ONCE:
            return self._forward(inputs)
        parts = []
        for start in range(0, len(inputs), _MOST_AT_ONCE):
            if self._stopped:
                raise InterruptedError("the service ends")
            parts.append(self._forward(inputs[start : start + _MOST_AT_ONCE]))
        return tuple(np.concatenate(several) for several in zip(*parts, strict=True))
