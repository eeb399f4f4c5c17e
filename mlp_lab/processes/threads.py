"""How many threads compute; the last bits of a sum depend on it."""

import os
import sys


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def describe_threads() -> dict[str, int]:
    """Say what the bits of a sum depend on."""
    import torch  # a sweep counts cores without it

    return {"threads": torch.get_num_threads(), "cores": count_cores()}
