"""The first check of any net: can it learn one batch by heart?"""

import lightning.pytorch as pl
from torch import nn

from mlp_lab.callbacks.step_metrics import StepMetrics

MAX_LOSS = 0.05


class OverfitCheck(pl.Callback):
    """Switch dropout off, and say at the end whether the batch was learnt.

    Args:
        step_metrics: Knows the last epoch's loss and accuracy.

    Attributes:
        passed: Whether accuracy reached 1 and the loss fell below 0.05.
    """

    def __init__(self, step_metrics: StepMetrics) -> None:
        self.step_metrics = step_metrics
        self.passed = False
        self.verdict = ""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Switch dropout off for the epoch."""
        for module in pl_module.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge the last epoch."""
        loss = self.step_metrics.epoch_means["train/loss"]
        acc = self.step_metrics.epoch_means["train/acc"]
        num = trainer.num_training_batches
        batches = "batch" if num == 1 else f"{num} batches"
        self.passed = acc == 1.0 and loss < MAX_LOSS
        self.verdict = (
            f"overfit check {'passed' if self.passed else 'failed'}: train loss {loss:.4f} "
            f"(wanted under {MAX_LOSS}), train accuracy {acc:.4f} (wanted 1.0) "
            f"after {trainer.current_epoch} epochs on the same {batches}"
        )
