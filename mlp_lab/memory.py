"""How much memory something takes, said before the system ends the process. Imports no torch."""

import os
import re

from mlp_lab.errors import ConfigError

_GB = 1e9


def require_memory(num_bytes: int, what: str, instead: str) -> None:
    """Refuse what this machine has no memory for, where its size is known.

    Args:
        num_bytes: Bytes that it takes.
        what: What takes them.
        instead: What to choose instead.

    Raises:
        ConfigError: The machine has less.
    """
    there = _physical_memory()
    if there is not None and num_bytes > there:
        raise ConfigError(
            f"{what} would take {num_bytes / _GB:,.0f} GB, and this machine has "
            f"{there / _GB:,.0f} GB. {instead}"
        )


def explain_out_of_memory(error: BaseException) -> str | None:
    """Say in a sentence that memory ran out; None where it was something else.

    Example:
        >>> explain_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
        'Memory ran out: 2.00 GiB more were wanted. Try a smaller net, or fewer samples at once.'
    """
    said = str(error)
    if not isinstance(error, MemoryError) and not re.search(
        r"out of memory|can't allocate memory|not enough memory", said
    ):
        return None
    wanted = re.search(r"allocate (\d+(?:\.\d+)?)\.? (\w+)", said)
    more = f"{wanted[1]} {wanted[2]} more were wanted" if wanted else "no more was to be had"
    return f"Memory ran out: {more}. Try a smaller net, or fewer samples at once."


def _physical_memory() -> int | None:
    """Return the bytes of memory; None on systems that do not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
