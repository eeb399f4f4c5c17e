import torch

from mlp_lab.data.sampler import EpochSampler
from mlp_lab.data.source import Samples, SampleSubset


def make_dataset(num: int) -> SampleSubset:
    samples = Samples(torch.zeros(num, 1), torch.zeros(num, dtype=torch.int64))
    return SampleSubset(samples, torch.arange(num))


def sampler(
    num: int, *, shuffle: bool = True, seed: int = 0, of: int = 1, rank: int = 0
) -> EpochSampler:
    return EpochSampler(
        make_dataset(num), batch_size=6, shuffle=shuffle, seed=seed, num_replicas=of, rank=rank
    )


def samples_of(sampler: EpochSampler) -> list[int]:
    return [int(position) for batch in sampler for position in batch]


def order(epoch: int, seed: int) -> list[int]:
    drawn = sampler(50, seed=seed)
    drawn.set_epoch(epoch)
    return samples_of(drawn)


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_alone() -> None:
    assert sorted(order(0, 0)) == list(range(50))
    assert order(3, 7) == order(3, 7)
    assert len({tuple(order(epoch, seed)) for epoch in range(3) for seed in range(3)}) == 9


def test_order_does_not_touch_the_global_generator() -> None:
    before = torch.get_rng_state()
    order(1, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_processes_share_the_shuffled_samples_evenly_and_none_twice() -> None:
    shares = [samples_of(sampler(50, of=3, rank=rank)) for rank in range(3)]
    assert [len(share) for share in shares] == [16, 16, 16]
    assert len(set().union(*shares)) == 48


def test_processes_cover_evaluation_without_repeats() -> None:
    samplers = [sampler(50, shuffle=False, of=3, rank=rank) for rank in range(3)]
    assert [len(samples_of(s)) for s in samplers] == [17, 17, 16]
    assert sorted(i for s in samplers for i in samples_of(s)) == list(range(50))


def test_batches_are_counted_and_only_the_last_is_smaller() -> None:
    for num, sizes in ((12, [6, 6]), (14, [6, 6, 2]), (0, [])):
        drawn = sampler(num)
        assert [len(batch) for batch in drawn] == sizes
        assert len(drawn) == len(sizes)
