"""How many threads compute: a sum's last bits depend on it, so a run keeps its number."""

import os
import sys

from mlp_lab.errors import ConfigError
from mlp_lab.run import Run


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def describe_threads() -> dict[str, int]:
    """Say what the bits of a sum depend on."""
    import torch  # a sweep counts cores without it

    return {"threads": torch.get_num_threads(), "cores": count_cores()}


def restore_threads(run: Run) -> None:
    """Compute with as many threads as a run began with.

    Raises:
        ConfigError: There are fewer cores, where torch splits the work in another way.
    """
    import torch  # as above

    began = run.read_manifest().get("threads")
    if not isinstance(began, int) or began == torch.get_num_threads():
        return  # an older run does not say
    cores = count_cores()
    if not 1 <= began <= cores:
        raise ConfigError(
            f"{str(run.dir)!r} began with {began} threads, and here are {cores} cores, which "
            "would give other numbers. Go on where there are as many, or begin a new run."
        )
    torch.set_num_threads(began)
    print(f"threads: {began}, as the run began")
