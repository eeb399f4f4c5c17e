"""A process that SLURM has started beside others, and that has nothing to do with them."""

import os


def leave_slurm() -> None:
    """Let this process compute by itself; to be called before Lightning is loaded.

    Lightning takes all that one ``srun`` has started for one training.
    """
    for name in [*os.environ]:
        if name.startswith("SLURM_"):
            del os.environ[name]
