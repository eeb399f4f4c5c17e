"""End a training early whose scores fall behind, by the decision of a sweep after an epoch."""

from collections.abc import Callable

import lightning.pytorch as pl

from mlp_lab.tasks import Task


class Pruning(pl.Callback):
    """Report the score of each validated epoch, and end the training where that is the answer.

    The training ends as at its last epoch, with best.ckpt and last.ckpt written.

    Args:
        should_prune: Called with the epoch, counted from 0, and its score; returns whether the
            training is given up. There is nothing to give up after the last epoch.

    Attributes:
        pruned_after: The number of epochs after which it was; None where it was not.
    """

    def __init__(self, should_prune: Callable[[int, float], bool]) -> None:
        self.should_prune = should_prune
        self.pruned_after: int | None = None
        self._is_validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note that the epoch has a score."""
        self._is_validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch's score."""
        if not self._is_validated:
            return
        self._is_validated = False
        assert isinstance(pl_module, Task)
        epochs = trainer.current_epoch + 1
        score = float(trainer.callback_metrics[pl_module.score])
        is_over = epochs == trainer.max_epochs or trainer.should_stop
        if self.should_prune(trainer.current_epoch, score) and not is_over:
            self.pruned_after = epochs
            trainer.should_stop = True
