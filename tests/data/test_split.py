import pytest
import torch

from mlp_lab.data.split import balance_classes, stratified_split, thin_classes
from mlp_lab.seeding import generator


@pytest.fixture
def labels() -> torch.Tensor:
    counts = torch.tensor([700, 31, 5, 264, 0, 11])
    labels = torch.repeat_interleave(torch.arange(6), counts)
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37, 0.5, 0.9])
def test_split_is_disjoint_complete_and_each_class_within_one_sample(
    labels: torch.Tensor, fraction: float
) -> None:
    stay, picked = stratified_split(labels, fraction, seed=3)
    assert torch.equal(torch.cat([stay, picked]).sort().values, torch.arange(len(labels)))
    assert len(picked) == round(fraction * len(labels))
    share = torch.bincount(labels[picked], minlength=6) - fraction * torch.bincount(labels)
    assert share.abs().max() < 1


def test_same_seed_same_split_other_seed_another(labels: torch.Tensor) -> None:
    first, again, other = (stratified_split(labels, 0.2, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_split_does_not_touch_the_global_generator(labels: torch.Tensor) -> None:
    before = torch.get_rng_state()
    stratified_split(labels, 0.2, seed=0)
    assert torch.equal(before, torch.get_rng_state())


LABELS = torch.tensor([0] * 40 + [1] * 10 + [2] * 25)[torch.randperm(75, generator=generator(9))]


def test_thinning_keeps_the_share_of_some_and_all_of_the_others() -> None:
    kept = thin_classes(LABELS, {0: 0.25, 2: 0.001}, seed=0)
    assert torch.bincount(LABELS[kept]).tolist() == [10, 10, 1]
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert torch.equal(kept, thin_classes(LABELS, {0: 0.25, 2: 0.001}, seed=0))
    assert not torch.equal(kept, thin_classes(LABELS, {0: 0.25, 2: 0.001}, seed=1))


def test_balancing_over_repeats_evenly_and_loses_nothing() -> None:
    rows = balance_classes(LABELS, "over", seed=0)
    assert torch.bincount(LABELS[rows]).tolist() == [40, 40, 40]
    times = torch.bincount(rows, minlength=75)
    assert sorted(set(times[LABELS == 0].tolist())) == [1]
    assert sorted(set(times[LABELS == 1].tolist())) == [4]
    assert sorted(set(times[LABELS == 2].tolist())) == [1, 2]


def test_balancing_under_repeats_nothing() -> None:
    rows = balance_classes(LABELS, "under", seed=0)
    assert torch.bincount(LABELS[rows]).tolist() == [10, 10, 10]
    assert len(set(rows.tolist())) == 30
