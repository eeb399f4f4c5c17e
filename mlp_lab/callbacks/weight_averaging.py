"""Stochastic weight averaging whose average is what validation scores and checkpoints keep."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from mlp_lab.errors import ConfigError


class SWAWeightAveraging(WeightAveraging):
    """Average the weights that the last epochs end with; before that, keep them as they are.

    Lightning's own StochasticWeightAveraging puts its average into no checkpoint, so neither the
    best epoch nor the test would see it. The learning rate stays the schedule's.

    Args:
        start_epoch: The first epoch whose weights are averaged, counted from 1.

    Raises:
        ConfigError: An epoch below 1.

    Reference:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
        https://arxiv.org/abs/1803.05407.
    """

    def __init__(self, start_epoch: int = 6) -> None:
        if start_epoch < 1:
            raise ConfigError(
                f"start_epoch of SWAWeightAveraging is {start_epoch}; it begins at 1."
            )
        super().__init__(use_buffers=True, avg_fn=self._average)
        self.start_epoch = start_epoch

    def _average(self, average: Tensor, current: Tensor, num_epochs: Tensor) -> Tensor:
        """Return the mean over the epochs since the start; before it, what is there now."""
        num_averaged = (num_epochs + 1 - self.start_epoch).clamp(min=0)
        mean = average + (current - average) / (num_averaged + 1)
        return mean if current.is_floating_point() else current

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take the weights at the epoch's last step, so that its validation scores the average."""
        if trainer.is_last_batch:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take those of an epoch that max_steps or max_time cut short."""
        super().on_train_batch_end(trainer, pl_module, None, None, 0)
