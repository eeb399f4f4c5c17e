"""test_samples.npz: some samples of the test set, for whoever uses the model later."""

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from mlp_lab.callbacks.result import ResultCallback, find_data, find_evaluation
from mlp_lab.runs.run import Run
from mlp_lab.runs.samples import KeptSamples

_NUM_SAMPLES = 32


class SamplesFile(ResultCallback):
    """Write up to 32 samples of a whole test, spread over the classes.

    Args:
        directory: Where test_samples.npz goes.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write inputs, labels and places of the samples."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if evaluation is None or data is None or not trainer.is_global_zero:
            return
        path = Run(self.results.directory).test_samples_path
        with self.results.making(path):
            test = data.subsets["test"]
            rows = spread_rows(evaluation.labels, _NUM_SAMPLES)
            inputs = test[rows][0].numpy()
            labels, indices = evaluation.labels[rows].numpy(), test.indices[rows].numpy()
            KeptSamples(np.ascontiguousarray(inputs), labels, indices).write(path)


def spread_rows(labels: Tensor, num: int) -> Tensor:
    """Return the rows of the first samples of each class in turn; of targets the first of all.

    Shape:
        labels ``(N,)`` or ``(N, T)``; result at most ``(num,)``.

    Example:
        >>> spread_rows(torch.tensor([0, 0, 0, 1, 1, 2]), 4)
        tensor([0, 3, 5, 1])
    """
    if labels.ndim > 1:
        return torch.arange(min(num, len(labels)))
    by_class = torch.argsort(labels, stable=True)
    counts = torch.bincount(labels)
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    rank = torch.arange(len(labels)) - starts  # of each among its class
    return by_class[torch.argsort(rank, stable=True)[:num]]
