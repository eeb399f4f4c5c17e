import torch

from mlp_lab.data.sampler import EpochSampler
from mlp_lab.data.source import Samples, SampleSubset


def make_dataset(num: int) -> SampleSubset:
    samples = Samples(torch.zeros(num, 1), torch.zeros(num, dtype=torch.int64))
    return SampleSubset(samples, torch.arange(num))


def sampler(
    num: int, *, shuffle: bool = True, seed: int = 0, of: int = 1, rank: int = 0
) -> EpochSampler:
    return EpochSampler(make_dataset(num), shuffle=shuffle, seed=seed, num_replicas=of, rank=rank)


def order(epoch: int, seed: int) -> list[int]:
    drawn = sampler(50, seed=seed)
    drawn.set_epoch(epoch)
    return list(drawn)


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_alone() -> None:
    assert sorted(order(0, 0)) == list(range(50))
    assert order(3, 7) == order(3, 7)
    assert len({tuple(order(epoch, seed)) for epoch in range(3) for seed in range(3)}) == 9


def test_order_does_not_touch_the_global_generator() -> None:
    before = torch.get_rng_state()
    order(1, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_processes_share_the_shuffled_samples_evenly_and_none_twice() -> None:
    shares = [list(sampler(50, of=3, rank=rank)) for rank in range(3)]
    assert (
        [len(share) for share in shares] == [16, 16, 16] == [len(sampler(50, of=3)) for _ in shares]
    )
    assert len(set().union(*shares)) == 48


def test_processes_cover_evaluation_without_repeats() -> None:
    samplers = [sampler(50, shuffle=False, of=3, rank=rank) for rank in range(3)]
    assert [len(s) for s in samplers] == [17, 17, 16] == [len(list(s)) for s in samplers]
    assert sorted(i for s in samplers for i in s) == list(range(50))
