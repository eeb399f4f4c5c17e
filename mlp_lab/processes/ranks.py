"""Which of several processes this one is."""

from lightning.pytorch.utilities import rank_zero_only


def is_first_process() -> bool:
    """Whether this process is the one that writes, known from the launcher's environment."""
    return getattr(rank_zero_only, "rank", 0) == 0
