"""Stratified splits and choices of classes: pure functions from labels to indices."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from mlp_lab.seeding import generator


def choose_classes(labels: Tensor, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Find the samples of some classes, and number these classes anew in the order given.

    Shape:
        labels ``(N,)`` int64; results ``(n,)`` int64: indices, ascending, and new labels.

    Example:
        >>> [x.tolist() for x in choose_classes(torch.tensor([0, 5, 3, 5]), [5, 0])]
        [[0, 1, 3], [1, 0, 0]]
    """
    is_of = labels[:, None] == torch.tensor(chosen)  # (N, K)
    rows = is_of.any(1).nonzero().flatten()
    return rows, is_of[rows].int().argmax(1)


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

    shuffled = torch.randperm(len(labels), generator=generator(seed))
    grouped = shuffled[torch.argsort(labels[shuffled], stable=True)]
    starts = counts.cumsum(0) - counts
    place_in_class = torch.arange(len(labels)) - starts[labels[grouped]]
    picked = place_in_class < quotas[labels[grouped]]
    return grouped[~picked].sort().values, grouped[picked].sort().values


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
    for label, rows in enumerate(_shuffled_by_class(labels, seed)):
        num = len(rows)
        if label in shares and num:
            num = max(1, round(shares[label] * num))
        kept.append(rows[:num])
    return torch.cat(kept).sort().values


def balance_classes(labels: Tensor, how: Literal["over", "under"], seed: int) -> Tensor:
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
    classes = [rows for rows in _shuffled_by_class(labels, seed) if len(rows)]
    sizes = [len(rows) for rows in classes]
    num = max(sizes) if how == "over" else min(sizes)
    return torch.cat([rows.repeat(-(-num // len(rows)))[:num] for rows in classes]).sort().values


def _shuffled_by_class(labels: Tensor, seed: int) -> list[Tensor]:
    """Return the indices of each class in an order drawn from the seed."""
    order = torch.randperm(len(labels), generator=generator(seed))
    return [order[labels[order] == label] for label in range(int(labels.max()) + 1)]
