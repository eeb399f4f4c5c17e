"""Refuse what takes more memory than the machine has, before the system ends the process."""

import os

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


def _physical_memory() -> int | None:
    """Return the bytes of memory; None on systems that do not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
