from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.data import LabDataModule, Line, Part, Samples, Source
from mlp_lab.data.split import (
    balance_classes,
    class_counts_by_step,
    split_parts,
    stratified_fold,
    stratified_split,
    thin_classes,
)
from mlp_lab.errors import ConfigError, EmptyClassError
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


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_share_all_samples_and_each_class_within_one_sample(
    labels: torch.Tensor, folds: int
) -> None:
    parts = []
    for fold in range(folds):
        stay, picked = stratified_fold(labels, folds, fold, seed=3)
        assert torch.equal(torch.cat([stay, picked]).sort().values, torch.arange(len(labels)))
        counts = torch.bincount(labels[picked], minlength=6)
        assert (counts - torch.bincount(labels) / folds).abs().max() < 1
        parts.append(picked)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(labels)))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_the_seed_chooses_the_folds(labels: torch.Tensor) -> None:
    first, again, other = (stratified_fold(labels, 5, 0, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_split_is_the_one_of_version_0_1() -> None:
    labels = torch.arange(40) % 4
    picked = stratified_split(labels, 0.2, seed=0)[1]
    assert picked.tolist() == [3, 5, 7, 16, 26, 32, 34, 37]
    thinned = thin_classes(labels, {1: 0.3}, seed=5)[:12]
    assert thinned.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]
    assert balance_classes(torch.tensor([0, 1, 1, 1, 1, 1]), "under", seed=1).tolist() == [0, 2]


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


class Counted(Source):
    """Samples of two classes, so many of each, in one part."""

    input_shape = (1,)
    class_names = ("left", "right")
    parts = frozenset({"train"})

    def __init__(self, left: int, right: int) -> None:
        super().__init__()
        self.counts = torch.tensor([left, right])

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        labels = torch.repeat_interleave(torch.arange(2), self.counts)
        return {"train": Samples(torch.arange(float(len(labels)))[:, None], labels)}


def split(source: Source, **settings: Any) -> LabDataModule:
    data = LabDataModule(source, **settings)
    data.setup("validate")
    return data


def test_parts_share_all_samples_and_fractions_are_of_the_whole() -> None:
    data = split(Counted(60, 40), test_fraction=0.2, val_fraction=0.4)
    sizes = {part: data.class_counts(part).tolist() for part in data.subsets}
    assert sizes == {"train": [24, 16], "test": [12, 8], "val": [24, 16]}
    rows = torch.cat([subset.indices for subset in data.subsets.values()])
    assert rows.sort().values.tolist() == list(range(100))


def test_class_counts_after_each_step() -> None:
    plain = split(Counted(60, 40), validate_on="test")
    assert class_counts_by_step(plain) == {"train": [48, 32], "val": [12, 8], "test": [12, 8]}
    changed = split(Counted(60, 40), imbalance={"right": 0.25}, resample="over")
    assert class_counts_by_step(changed) == {
        "train, as loaded": [48, 32],
        "train, split": [42, 7],
        "train": [42, 42],
        "val": [6, 1],
        "test": [12, 8],
    }


def test_regression_is_one_stratum_without_counts() -> None:
    data = LabDataModule(Line(num_samples=50))
    subsets, counts = split_parts(data, data.source.load(Path(), download=False))
    assert {part: len(subset) for part, subset in subsets.items()} == {
        "train": 35,
        "test": 10,
        "val": 5,
    }
    assert counts == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Counted(9, 1), "data.test_fraction leaves class 'right', which has one sample, without a"),
        (
            Counted(40, 2),
            r"class 'right', which has 2 samples, without a test sample. Choose anoth",
        ),
    ],
)
def test_a_class_left_without_a_sample_is_refused(source: Source, message: str) -> None:
    with pytest.raises(EmptyClassError, match=message):
        split(source)


def test_a_class_that_never_had_a_sample_may_stay_empty() -> None:
    assert split(Counted(40, 0)).class_counts("train").tolist() == [28, 0]


def test_labels_that_may_be_targets_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counted, "if_no_classes", "If y holds targets, choose regression.")
    with pytest.raises(EmptyClassError, match=r"one sample, .*If y holds targets, choose regress"):
        split(Counted(9, 1))
    with pytest.raises(EmptyClassError, match=r"2 samples, .* sample. Choose another fraction"):
        split(Counted(40, 2))


def test_a_part_of_regression_has_a_sample() -> None:
    with pytest.raises(ConfigError, match=r"val_fraction leaves 3 of 3 samples for .* 0 as val"):
        split(Line(num_samples=4))


FOLDS = 3


def of_fold(source: Source, fold: int, **settings: Any) -> LabDataModule:
    return split(source, folds=FOLDS, fold=fold, **settings)


def test_every_sample_but_the_tests_validates_once() -> None:
    folds = [of_fold(Counted(60, 40), fold) for fold in range(FOLDS)]
    for data in folds:
        assert torch.equal(data.subsets["test"].indices, folds[0].subsets["test"].indices)
        assert data.class_counts("test").tolist() == [12, 8]
        rows = torch.cat([data.subsets[part].indices for part in ("train", "val", "test")])
        assert rows.sort().values.tolist() == list(range(100))
        assert data.validation_origin == f"fold {data.fold} of 3"
    validated = torch.cat([data.subsets["val"].indices for data in folds])
    assert len(torch.unique(validated)) == len(validated) == 80
    assert [data.class_counts("val").tolist() for data in folds] == [[16, 11], [16, 11], [16, 10]]


def test_the_balance_is_changed_before_the_folds_and_resampled_within_each() -> None:
    settings = {"imbalance": {"right": 0.25}, "resample": "over"}
    folds = [of_fold(Counted(60, 40), fold, **settings) for fold in range(FOLDS)]
    validated = torch.cat([data.subsets["val"].indices for data in folds])
    assert len(torch.unique(validated)) == len(validated) == 48 + 8
    for data in folds:
        assert {*data.subsets["train"].indices.tolist()}.isdisjoint(
            data.subsets["val"].indices.tolist()
        )
        assert data.class_counts("train").tolist() == [32, 32]


def test_statistics_and_weights_are_those_of_the_fold_s_own_training_samples() -> None:
    means, weights = [], []
    for fold in range(FOLDS):
        data = LabDataModule(Counted(60, 9), folds=FOLDS, fold=fold, class_weights="balanced")
        data.setup("fit")
        train = data.subsets["train"].indices
        assert data.mean.tolist() == pytest.approx([train.float().mean().item()])
        assert data.std.tolist() == pytest.approx([train.float().std(correction=0).item()])
        counts = data.class_counts("train")
        expected = (len(train) / 2 / counts).tolist()
        assert data.training_class_weights().tolist() == pytest.approx(expected)
        means.append(data.mean.item())
        weights.append(tuple(data.training_class_weights().tolist()))
    assert len({*means}) == FOLDS
    assert len({*weights}) == 2  # seven rare samples are dealt out as three, two and two


def test_regression_folds_are_one_stratum() -> None:
    folds = [of_fold(Line(num_samples=50), fold) for fold in range(FOLDS)]
    assert [len(data.subsets["val"]) for data in folds] == [14, 13, 13]
    validated = torch.cat([data.subsets["val"].indices for data in folds])
    assert len(torch.unique(validated)) == 40


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (
            Counted(40, 4),
            EmptyClassError,
            "data.folds is 3, but class 'right' has 2 samples, and each fold needs one of every cl",
        ),
        (Line(num_samples=4), ConfigError, "data.folds is 3, but there are 2 samples to deal out"),
    ],
)
def test_more_folds_than_samples_are_refused_whichever_fold(
    source: Source, error: type[Exception], message: str
) -> None:
    for fold in range(FOLDS):
        with pytest.raises(error, match=message):
            of_fold(source, fold, test_fraction=0.5)


def test_a_class_without_a_sample_is_in_no_fold() -> None:
    assert of_fold(Counted(40, 0), 0).class_counts("val").tolist() == [11, 0]
