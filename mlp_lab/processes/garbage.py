"""When Python looks for garbage: objects that are held by nothing but one another."""

import atexit
import contextlib
import gc
from collections.abc import Iterator

# Libraries report what is still frozen at the end as leaked.
atexit.register(gc.unfreeze)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Have no garbage looked for in all that is imported meanwhile, now or later.

    A million objects come with torch and Lightning, and each look through them takes a quarter of a
    second. It is for processes of this package's own: what is frozen is never freed.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextlib.contextmanager
def leaving_none() -> Iterator[None]:
    """Free at the end what is garbage.

    A trainer and its net hold each other. Python looks for such rarely by itself, and meanwhile the
    nets of many trainings would fill the memory. In a process of this package's own, which has
    frozen what it imported, nothing is looked through that was there before.
    """
    if gc.get_freeze_count():
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
