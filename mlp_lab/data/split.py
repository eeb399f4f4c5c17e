"""Stratified splits and choices of classes: pure functions from labels to indices."""

from collections.abc import Sequence

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
