"""Memory that is free once nobody needs it."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def leaving_no_garbage() -> Iterator[None]:
    """Free at the end what was made meanwhile and is held by nothing but itself.

    A trainer and its net hold each other. Python looks through a million objects for such, and so
    does it rarely by itself; meanwhile the nets of many trainings would fill the memory. What was
    there before is not looked through.
    """
    was_frozen = gc.get_freeze_count() > 0
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        if not was_frozen:
            gc.unfreeze()
