import pytest
import torch

from mlp_lab.data.split import stratified_split


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
