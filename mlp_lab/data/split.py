"""Stratified splits and class balance: which samples of a source make up each part."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from mlp_lab.data.source import PARTS, Part, Samples, SampleSubset
from mlp_lab.errors import ConfigError, EmptyClassError
from mlp_lab.seeding import generator

if TYPE_CHECKING:
    from mlp_lab.data.datamodule import LabDataModule

Resample = Literal["over", "under"]

# More classes than these, and as a share of the samples, are names of the samples.
_MANY, _NEARLY_ALL = 20, 0.9


def split_parts(
    data: "LabDataModule", parts: Mapping[Part, Samples]
) -> tuple[dict[Part, SampleSubset], dict[str, Tensor]]:
    """Hold out the parts that the source lacks, and change the balance of the training classes.

    Returns:
        The samples of every part, and how many training samples each class had ``(K,)`` after each
        step; regression targets have no classes, and no counts.

    Raises:
        EmptyClassError: A part that is held out leaves a class without a sample.
        ConfigError: A part without a sample.
    """
    subsets = {p: SampleSubset(s, torch.arange(len(s))) for p, s in parts.items()}
    test_fraction, val_fraction = data.fractions
    seed = data.split_seed
    if "test" not in subsets:
        pick = partial(stratified_split, fraction=test_fraction, seed=seed)
        subsets |= _hold_out("test", pick, subsets["train"], data)
    train = subsets["train"]
    steps = {"as loaded": train}
    if data.imbalance:
        shares = {data.class_names.index(name): s for name, s in data.imbalance.items()}
        subsets["train"] = train.at(thin_classes(train.labels, shares, seed))
    if data.validate_on == "test":
        subsets["val"] = subsets["test"]
    elif data.folds is not None:
        assert data.fold is not None  # refused where the settings are checked
        _check_fold_sizes(subsets["train"], data)
        pick = partial(stratified_fold, folds=data.folds, fold=data.fold, seed=seed)
        subsets |= _hold_out("val", pick, subsets["train"], data)
    elif "val" not in subsets:
        of_the_rest = val_fraction / (1 - test_fraction)
        pick = partial(stratified_split, fraction=of_the_rest, seed=seed)
        subsets |= _hold_out("val", pick, subsets["train"], data)
    train = steps["split"] = subsets["train"]
    if data.resample:
        balanced = balance_classes(train.labels, data.resample, seed)
        subsets["train"] = steps["resampled"] = train.at(balanced)
    if data.num_targets:
        return subsets, {}
    num = data.num_classes
    return subsets, {s: torch.bincount(part.labels, minlength=num) for s, part in steps.items()}


def class_counts_by_step(data: "LabDataModule") -> dict[str, list[int]]:
    """Return the class counts of each split, and of training before its balance was changed."""
    counts: dict[str, list[int]] = {}
    if data.imbalance or data.resample:
        *earlier, _ = data.training_counts.items()  # the last step leaves the split itself
        counts = {f"train, {step}": step_counts.tolist() for step, step_counts in earlier}
    return counts | {part: data.class_counts(part).tolist() for part in PARTS}


def _strata(samples: SampleSubset, data: "LabDataModule") -> Tensor:
    """Return what is shared out evenly, ``(N,)``: classes; regression targets are one stratum."""
    return torch.zeros(len(samples), dtype=torch.long) if data.num_targets else samples.labels


def _check_fold_sizes(whole: SampleSubset, data: "LabDataModule") -> None:
    """Refuse more folds than a class has samples, whichever fold validates."""
    assert data.folds is not None
    counts = torch.bincount(_strata(whole, data))
    rarest = int(torch.where(counts > 0, counts, len(whole)).argmin())
    if (num := int(counts[rarest])) >= data.folds:
        return
    samples = "one sample" if num == 1 else f"{num} samples"
    if data.num_targets:
        raise ConfigError(
            f"data.folds is {data.folds}, but there are {samples} to deal out. Choose fewer folds."
        )
    _refuse_names(counts, data)
    raise EmptyClassError(
        f"data.folds is {data.folds}, but class {data.class_names[rarest]!r} has {samples}, and "
        "each fold needs one of every class. Choose fewer folds."
    )


def _hold_out(
    part: Part,
    pick: Callable[[Tensor], tuple[Tensor, Tensor]],
    whole: SampleSubset,
    data: "LabDataModule",
) -> dict[Part, SampleSubset]:
    """Divide ``whole`` into what stays for training and the new part."""
    labels = _strata(whole, data)
    stay, picked = pick(labels)
    if data.num_targets and not (len(stay) and len(picked)):
        raise ConfigError(
            f"data.{part}_fraction leaves {len(stay)} of {len(whole)} samples for training "
            f"and {len(picked)} as {part}. Choose another fraction, or more samples."
        )
    counts = torch.bincount(labels)
    for side, positions in (("training", stay), (part, picked)):
        left = torch.bincount(labels[positions], minlength=len(counts))
        if (empty := (counts > 0) & (left == 0)).any():
            _refuse_names(counts, data)
            label = int(empty.nonzero()[0])
            count = int(counts[label])
            samples = "one sample" if count == 1 else f"{count} samples"
            hint = data.source.if_no_classes if count == 1 else ""
            raise EmptyClassError(
                f"data.{part}_fraction leaves class {data.class_names[label]!r}, which has "
                f"{samples}, without a {side} sample. {hint or 'Choose another fraction.'}"
            )
    return {"train": whole.at(stay), part: whole.at(picked)}


def _refuse_names(counts: Tensor, data: "LabDataModule") -> None:
    """Refuse classes of which nearly every sample has its own."""
    num_samples, num_classes = int(counts.sum()), int((counts > 0).sum())
    if data.source.if_no_classes and num_classes > max(_MANY, _NEARLY_ALL * num_samples):
        raise EmptyClassError(
            f"{data.source.name}: nearly every sample has a class of its own, so it is no target "
            f"for classes. {data.source.if_no_classes}"
        )


def stratified_split(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Pick a fraction of the samples, every class in its share.

    The number picked is ``round(fraction * N)``; each class gives its exact share rounded down or
    up, the largest remainders up, so no class is off by a whole sample.

    Args:
        labels: Class index of every sample.
        fraction: Share to pick, in (0, 1).
        seed: Which of the many such splits.

    Shape:
        labels ``(N,)`` int64; results ``(N - n,)`` and ``(n,)`` int64, ascending.

    Returns:
        The indices that stay and the indices picked.

    Example:
        >>> stay, picked = stratified_split(torch.tensor([0, 0, 0, 0, 1, 1]), 0.5, seed=0)
        >>> len(stay), torch.tensor([0, 0, 0, 0, 1, 1])[picked].tolist()
        (3, [0, 0, 1])
    """
    counts = torch.bincount(labels)
    shares = counts.double() * fraction
    quotas = shares.floor().long()
    # A stable sort, so that of equal remainders the smaller class index goes first everywhere.
    by_remainder = torch.argsort(shares - quotas, descending=True, stable=True)
    quotas[by_remainder[: round(len(labels) * fraction) - int(quotas.sum())]] += 1

    grouped = _shuffled_by_class(labels, seed)
    starts = counts.cumsum(0) - counts
    place_in_class = torch.arange(len(labels)) - starts[labels[grouped]]
    return _divide(grouped, place_in_class < quotas[labels[grouped]])


def stratified_fold(labels: Tensor, folds: int, fold: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pick one of the parts into which samples are dealt out, every class in its share.

    Every sample is in exactly one fold; the folds differ by at most one sample, and so do their
    counts of each class.

    Args:
        labels: Class index of every sample.
        folds: Number of folds.
        fold: Which of them, from 0.
        seed: Which of the many such divisions.

    Shape:
        labels ``(N,)`` int64; results ``(N - n,)`` and ``(n,)`` int64, ascending.

    Returns:
        The indices that stay and the indices picked.

    Example:
        >>> labels = torch.tensor([0, 0, 0, 0, 1, 1])
        >>> [labels[stratified_fold(labels, 2, fold, seed=0)[1]].tolist() for fold in (0, 1)]
        [[0, 0, 1], [0, 0, 1]]
    """
    grouped = _shuffled_by_class(labels, seed)
    return _divide(grouped, torch.arange(len(labels)) % folds == fold)


def _divide(rows: Tensor, is_picked: Tensor) -> tuple[Tensor, Tensor]:
    return rows[~is_picked].sort().values, rows[is_picked].sort().values


def thin_classes(labels: Tensor, shares: Mapping[int, float], seed: int) -> Tensor:
    """Keep a share of some classes, at least one sample of each, and all of the others.

    Args:
        labels: Class index of every sample.
        shares: Share that stays, in (0, 1], by class index.
        seed: Which samples stay.

    Shape:
        labels ``(N,)`` int64; result ``(n,)`` int64, ascending.

    Example:
        >>> labels = torch.tensor([0, 1, 1, 1, 1])
        >>> labels[thin_classes(labels, {1: 0.5}, seed=0)].tolist()
        [0, 1, 1]
    """
    kept = []
    for label, rows in enumerate(_split_by_class(labels, seed)):
        num = len(rows)
        if label in shares and num:
            num = max(1, round(shares[label] * num))
        kept.append(rows[:num])
    return torch.cat(kept).sort().values


def balance_classes(labels: Tensor, how: Resample, seed: int) -> Tensor:
    """Bring all classes to one number of samples.

    Args:
        labels: Class index of every sample; classes without any stay without.
        how: ``over`` repeats samples of the rarer classes as evenly as can be, up to the largest
            class; ``under`` leaves samples of the others out, down to the smallest.
        seed: Which samples are repeated or left out.

    Shape:
        labels ``(N,)`` int64; result ``(n,)`` int64, ascending.

    Example:
        >>> labels = torch.tensor([0, 1, 1, 1])
        >>> balance_classes(labels, "over", seed=0).tolist()
        [0, 0, 0, 1, 2, 3]
    """
    classes = [rows for rows in _split_by_class(labels, seed) if len(rows)]
    sizes = [len(rows) for rows in classes]
    num = max(sizes) if how == "over" else min(sizes)
    return torch.cat([rows.repeat(-(-num // len(rows)))[:num] for rows in classes]).sort().values


def _shuffled_by_class(labels: Tensor, seed: int) -> Tensor:
    """Return all indices, class after class, each class in an order drawn from the seed."""
    shuffled = torch.randperm(len(labels), generator=generator(seed))
    return shuffled[torch.argsort(labels[shuffled], stable=True)]


def _split_by_class(labels: Tensor, seed: int) -> tuple[Tensor, ...]:
    """Return the indices of each class in the same order."""
    return torch.split(_shuffled_by_class(labels, seed), torch.bincount(labels).tolist())
