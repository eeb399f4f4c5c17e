"""Requests that arrive together share a batch."""

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.errors import ConfigError
from mlp_lab.serve.batcher import Batcher, Results


class Doubling:
    """Doubles its inputs, notes the sizes of its batches, and refuses negative ones."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, inputs: NDArray[Any]) -> Results:
        self.sizes.append(len(inputs))
        if (inputs < 0).any():
            raise ConfigError("negative")
        return inputs * 2, -inputs


def run_together(batcher: Batcher, *several: list[int]) -> list[Any]:
    async def run() -> list[Any]:
        arrays = [np.asarray(values)[:, None] for values in several]
        return await asyncio.gather(*map(batcher.run, arrays), return_exceptions=True)

    return asyncio.run(run())


def test_each_gets_its_own_answers() -> None:
    net = Doubling()
    answers = run_together(Batcher(net), [1], [2, 3], [4])
    assert net.sizes == [4]
    assert [answer[0].ravel().tolist() for answer in answers] == [[2], [4, 6], [8]]
    assert [answer[1].ravel().tolist() for answer in answers] == [[-1], [-2, -3], [-4]]


def test_one_that_fails_leaves_the_others_alone() -> None:
    answers = run_together(Batcher(Doubling()), [1], [-2, 3], [4])
    assert [type(answer) for answer in answers] == [tuple, ConfigError, tuple]
    assert answers[2][0].ravel().tolist() == [8]


def test_a_failure_of_another_kind_reaches_everybody() -> None:
    def fail(inputs: NDArray[Any]) -> Results:
        raise KeyError("x")

    answers = run_together(Batcher(fail), [1], [2])
    assert [type(answer) for answer in answers] == [KeyError, KeyError]


def test_batches_are_bounded_and_large_requests_computed_in_parts() -> None:
    net = Doubling()
    answers = run_together(Batcher(net), [*range(1000)], [*range(1000)], [*range(2500)])
    assert net.sizes == [1000, 1000, 1024, 1024, 452]
    assert answers[2][0].ravel().tolist() == [2 * value for value in range(2500)]


@pytest.mark.parametrize(("window", "sizes"), [(0.0, [1, 1]), (0.05, [2])])
def test_a_window_waits_for_more(window: float, sizes: list[int]) -> None:
    net = Doubling()

    async def run() -> None:
        batcher = Batcher(net, window)
        first = asyncio.create_task(batcher.run(np.ones((1, 1))))
        if window:
            await asyncio.sleep(0)
        else:
            await first
        await asyncio.gather(first, batcher.run(np.ones((1, 1))))

    asyncio.run(run())
    assert net.sizes == sizes


def test_a_client_that_has_gone_disturbs_nobody() -> None:
    async def run() -> Results:
        batcher = Batcher(Doubling())
        gone = asyncio.create_task(batcher.run(np.ones((1, 1))))
        other = asyncio.create_task(batcher.run(np.ones((1, 1))))
        await asyncio.sleep(0)
        gone.cancel()
        return await other

    assert asyncio.run(run())[0].tolist() == [[2.0]]


def test_what_was_not_begun_when_the_service_ends_is_left() -> None:
    net = Doubling()
    batcher = Batcher(net)

    def forward(inputs: NDArray[Any]) -> Results:
        batcher.stop()
        return net(inputs)

    batcher._forward = forward
    assert [type(answer) for answer in run_together(batcher, [*range(2500)])] == [InterruptedError]
    assert net.sizes == [1024]
