"""The first check of any net: can it learn one batch by heart?"""

import lightning.pytorch as pl
from torch import nn

from mlp_lab.callbacks.step_metrics import StepMetrics
from mlp_lab.tasks import Task


class OverfitCheck(pl.Callback):
    """Switch dropout and label smoothing off, and judge at the end whether the batch was learnt.

    Args:
        step_metrics: Has the last epoch's metrics.

    Attributes:
        passed: Whether they reached the goals of the task.
        verdict: The same in a sentence, with the numbers.
    """

    def __init__(self, step_metrics: StepMetrics) -> None:
        self.step_metrics = step_metrics
        self.passed = False
        self.verdict = ""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Switch label smoothing off: it has a lowest loss above the goal."""
        loss = pl_module.loss
        if isinstance(loss, nn.CrossEntropyLoss):
            loss.label_smoothing = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Switch dropout off for the epoch."""
        for module in pl_module.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge the last epoch."""
        assert isinstance(pl_module, Task)
        means = self.step_metrics.epoch_means
        self.passed = True
        found = []
        for name, (relation, wanted) in pl_module.overfit_goals.items():
            value = means[f"train/{name}"]
            self.passed &= value < wanted if relation == "under" else value >= wanted
            title = pl_module.metric_names[name]
            found.append(f"train {title} {value:.4f} (wanted {relation} {wanted})")
        num = trainer.num_training_batches
        batches = "batch" if num == 1 else f"{num} batches"
        self.verdict = (
            f"overfit check {'passed' if self.passed else 'failed'}: {', '.join(found)} "
            f"after {trainer.current_epoch} epochs on the same {batches}"
        )
