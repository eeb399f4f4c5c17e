"""Calls of a loop take no memory from the system, however many calls led to it."""

import sys
from collections.abc import Callable
from functools import partial

import pytest

from mlp_lab.processes.stack import call_with_room

_DEPTHS = range(0, 200, 2)  # more than one chunk of the stack
_NUM_CALLS = 200


def count_page_faults() -> int:
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def call_deeper(depth: int, function: Callable[[], int]) -> int:
    return call_deeper(depth - 1, function) if depth else function()


def faults_of_a_loop() -> int:
    before = count_page_faults()
    for _ in range(_NUM_CALLS):
        call_deeper(300, lambda: 0)
    return count_page_faults() - before


@pytest.mark.skipif(sys.platform == "win32", reason="page faults are counted on Unix alone")
@pytest.mark.parametrize("within", [lambda call: call(), call_with_room])
def test_a_loop_has_room_at_any_depth(within: Callable[[Callable[[], int]], int]) -> None:
    def at_depth(depth: int) -> int:
        return call_deeper(depth, lambda: call_with_room(faults_of_a_loop))

    faults = [within(partial(at_depth, depth)) for depth in _DEPTHS]
    assert max(faults) < _NUM_CALLS / 2


def test_results_and_errors_come_through() -> None:
    assert call_with_room(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        call_with_room(lambda: 1 // 0)
