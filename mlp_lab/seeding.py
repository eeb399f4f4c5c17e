"""Everything random is a function of the seed and of where training stands.

The order of the samples, dropout and augmentation are drawn from (seed, epoch, ...) and not from
a state that training carries along, so a run that was stopped at an epoch's end and resumed draws
what an undisturbed one draws.
"""

import os

import numpy as np
import torch


def derive_seed(*key: int) -> int:
    """Mix non-negative integers into one 63-bit seed.

    Sums of seed and epoch would make epoch 1 of seed 0 equal epoch 0 of seed 1; the hash of numpy's
    SeedSequence keeps all of them apart. The length goes in, since it ignores trailing zeros.

    Example:
        >>> derive_seed(0, 1) == derive_seed(1, 0)
        False
    """
    return int(
        np.random.SeedSequence((len(key), *key)).generate_state(1, np.uint64)[0] >> np.uint64(1)
    )


def generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Make a generator whose stream depends on ``key`` alone, and on the kind of device."""
    return torch.Generator(device).manual_seed(derive_seed(*key))


def global_seed() -> int:
    """Return what ``seed_everything`` was given, 0 where it was never called."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))
