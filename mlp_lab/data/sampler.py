"""The batches of an epoch, a function of (seed, epoch)."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from mlp_lab.seeding import generator


class EpochSampler(DistributedSampler[Tensor]):
    """Draw the order of an epoch from (seed, epoch), share it out, and cut it into batches.

    PyTorch's own DistributedSampler adds seed and epoch, so seed 0 sees in epoch 1 what seed 1 sees
    in epoch 0; and it repeats samples where they do not divide evenly. Here no sample comes twice:
    shuffled, the few left over sit out the epoch, since training needs as many batches in each
    process; in order, some processes get one less. Deriving from it keeps Lightning from putting a
    sampler of its own in its place, and makes Lightning call ``set_epoch``.

    Batches leave as index tensors ``(n,)``: as lists of numbers they would cost more than the
    fetching.

    Args:
        dataset: What to sample from.
        batch_size: Samples in a batch; the last one may be smaller.
        shuffle: Whether to draw an order; otherwise samples come as they are.
        seed: The seed of the order.
        num_replicas: Number of processes.
        rank: Number of this process.
    """

    def __init__(
        self,
        dataset: Dataset[object],
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        num_replicas: int,
        rank: int,
    ) -> None:
        super().__init__(
            dataset,
            num_replicas=num_replicas,
            rank=rank,
            shuffle=shuffle,
            seed=seed,
            drop_last=shuffle,
        )
        self.batch_size = batch_size
        self.num_total = len(dataset)  # type: ignore[arg-type]  # Dataset promises no __len__
        if shuffle:
            self.num_total -= self.num_total % num_replicas

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that nothing is drawn before the first batch is needed: Lightning makes
        # the first iterator of a resumed run before it sets the epoch.
        if self.shuffle:
            order = torch.randperm(len(self.dataset), generator=generator(self.seed, self.epoch))  # type: ignore[arg-type]  # Dataset promises no __len__
        else:
            order = torch.arange(self.num_total)
        own = order[self.rank : self.num_total : self.num_replicas]
        if len(own):
            yield from torch.split(own, self.batch_size)

    def __len__(self) -> int:
        own = len(range(self.rank, self.num_total, self.num_replicas))
        return -(-own // self.batch_size)
