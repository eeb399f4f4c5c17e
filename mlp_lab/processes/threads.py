"""How many threads compute; the last bits of a sum depend on it."""

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@cache
def max_threads() -> int:
    """Return how many threads torch uses by default: one for each core, or OMP_NUM_THREADS.

    Call it before any number is set.
    """
    import torch  # a sweep counts cores without it

    return torch.get_num_threads()


def describe_threads() -> dict[str, int]:
    """Return what the last bits of a sum depend on."""
    import torch  # as above

    return {"threads": torch.get_num_threads(), "cores": count_cores()}


def device_name(device: "torch.device") -> str:
    """Return the GPU's name, or the kind of device with its threads."""
    import torch  # as above

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type}, {threads} thread{'s' if threads > 1 else ''}"
