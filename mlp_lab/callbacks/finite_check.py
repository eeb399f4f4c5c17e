"""Stop a training whose numbers are no longer finite, before it overwrites a good checkpoint."""

import math
from collections.abc import Mapping
from typing import NoReturn

import lightning.pytorch as pl
import torch

from mlp_lab.errors import DivergenceError


class FiniteCheck(pl.Callback):
    """Check the metrics and all weights before checkpoints are written.

    The loss of every step is checked by StepMetrics, which reads it off the device anyway.
    """

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check before best.ckpt is written, which can be within an epoch."""
        _require_finite(trainer, pl_module, f"in epoch {trainer.current_epoch + 1}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check before last.ckpt is written."""
        _require_finite(trainer, pl_module, f"after epoch {trainer.current_epoch + 1}")


def _require_finite(trainer: pl.Trainer, pl_module: pl.LightningModule, where: str) -> None:
    """Refuse to go on with metrics or weights that are not finite."""
    for key, value in trainer.callback_metrics.items():
        if not torch.isfinite(value):
            _stop(f"{key} is {float(value)} {where}")
    sums = torch.stack([p.detach().sum() for p in pl_module.parameters()])
    if not torch.isfinite(sums).all():
        _stop(f"a weight is not finite {where}")


def require_finite_steps(rows: Mapping[int, Mapping[str, float]]) -> None:
    """Find the first step with a metric that is not finite.

    Args:
        rows: Metrics by step.

    Raises:
        DivergenceError: There is one.
    """
    for step, row in rows.items():
        for key, value in row.items():
            if not math.isfinite(value):
                _stop(f"{key} is {value} at step {step}")


def _stop(what: str) -> NoReturn:
    raise DivergenceError(
        f"Training diverged: {what}. best.ckpt and last.ckpt are from before. Try a lower "
        "--model.optimizer.lr, look for extreme inputs, and leave mixed precision out."
    )
