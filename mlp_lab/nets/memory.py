"""Refuse allocations beyond the machine's memory, before the system ends the process."""

import os

from mlp_lab.errors import ConfigError

_GB = 1e9


def require_memory(num_bytes: int, what: str, advice: str) -> None:
    """Refuse an allocation larger than the machine's memory, where that is known.

    Args:
        num_bytes: Size of the allocation.
        what: What it is for, as the message begins.
        advice: What to choose instead, as the message ends.

    Raises:
        ConfigError: The machine has less.
    """
    available = _physical_memory()
    if available is not None and num_bytes > available:
        raise ConfigError(
            f"{what} would take {num_bytes / _GB:,.0f} GB, and this machine has "
            f"{available / _GB:,.0f} GB. {advice}"
        )


def _physical_memory() -> int | None:
    """Return the bytes of memory; None where the system does not report it."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
