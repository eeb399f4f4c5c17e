import itertools

import lightning.pytorch as pl
import torch

from mlp_lab.seeding import derive_seed, generator, global_seed


def test_every_key_has_its_own_seed() -> None:
    keys = [*itertools.product(range(10), repeat=2), *itertools.product(range(5), repeat=3)]
    seeds = {derive_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_repeat_and_differ() -> None:
    first, again, other = (
        torch.rand(4, generator=generator(*key)) for key in [(1, 2), (1, 2), (2, 1)]
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_global_seed_is_what_was_given() -> None:
    assert global_seed() == 0
    pl.seed_everything(42)
    assert global_seed() == 42
