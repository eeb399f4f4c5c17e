"""The best epoch's weights and the metrics of all epochs, in memory: nothing is written."""

from typing import Literal

import lightning.pytorch as pl
from torch import Tensor

from mlp_lab.callbacks.step_metrics import StepMetrics


class BestWeights(pl.Callback):
    """Keep the weights of the best score in memory, and put them back when training ends.

    It belongs before a callback that averages weights, so that it sees what was validated.

    Args:
        score: Metric to follow; of equal scores the earliest counts.
        mode: Whether it is best at its ``max`` or ``min``.
    """

    def __init__(self, score: str, mode: Literal["min", "max"]) -> None:
        self.score = score
        self.mode = mode
        self.best: float | None = None
        self._validated: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy what was validated, before an average makes way for the weights behind it."""
        self._validated = {k: v.clone() for k, v in pl_module.state_dict().items()}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the copy, if its score is better."""
        found = float(trainer.callback_metrics[self.score])
        sign = 1 if self.mode == "max" else -1
        if self.best is None or sign * found > sign * self.best:
            self.best, self._kept = found, self._validated
        self._validated = {}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put back what was kept."""
        if self._kept:
            pl_module.load_state_dict(self._kept)


class EpochHistory(pl.Callback):
    """Collect the metrics of each epoch, and print them if that is wanted.

    Args:
        step_metrics: Has the means over an epoch's steps; it belongs before this.
        prints: Whether each epoch is a line on the console.

    Attributes:
        history: Metrics of each epoch by name, those of validation as ``val/loss`` and so on.
    """

    def __init__(self, step_metrics: StepMetrics, *, prints: bool = False) -> None:
        self.step_metrics = step_metrics
        self.prints = prints
        self.history: dict[str, list[float]] = {}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the epoch."""
        validated = {k: float(v) for k, v in trainer.callback_metrics.items() if "/" in k}
        metrics = self.step_metrics.epoch_means | validated
        for name, value in metrics.items():
            self.history.setdefault(name, []).append(value)
        if self.prints:
            values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {values}", flush=True)
