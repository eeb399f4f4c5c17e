"""Python's stack of calls."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_NUM_VALUES = 9_000
"""Of 8 bytes each: 72 KB, for which the chunk becomes 128 KB, too small for two of them."""


def call_with_room(function: Callable[[], T]) -> T:
    """Call a function where all that it calls finds room on Python's stack.

    The stack is made of chunks of 16 KB. In Python 3.11, 3.12 and early releases of 3.13 and 3.14,
    memory for the next one is mapped and unmapped each time that calls go beyond the end of one
    (python/cpython#142183). Where a loop happens to lie there, by nothing but the number of calls
    that led to it, training a small net takes up to half as long again. This function asks for so
    much of the stack that it gets a chunk of its own, with more than three usual ones to spare.
    """
    return function()


call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=_NUM_VALUES)
