"""A task applied to samples beside any loop."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mlp_lab.data import SampleSubset
from mlp_lab.tasks.task import Task


@torch.inference_mode()
def forward_samples(
    task: Task, samples: SampleSubset, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield outputs and labels batch by batch, without augmentation or dropout."""
    was_training = task.training
    task.eval()
    try:
        for rows in torch.split(torch.arange(len(samples)), batch_size):
            inputs, labels = (part.to(task.device) for part in samples[rows])
            yield task(inputs), labels
    finally:
        task.train(was_training)
