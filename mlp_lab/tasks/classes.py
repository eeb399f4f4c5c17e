"""What all tasks with classes share, however many outputs say which one it is."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from mlp_lab.data import Batch
from mlp_lab.tasks.task import Goal, Task


class ClassesTask(Task):
    """Tell classes apart: the best epoch is the one of the highest val/acc.

    A subclass gives ``loss``, a sum over samples, and ``confusion`` in ``batch_totals``.
    """

    score: ClassVar[str] = "val/acc"
    score_mode: ClassVar[Literal["min", "max"]] = "max"
    metric_names: ClassVar[Mapping[str, str]] = {"acc": "accuracy", "loss": "loss"}
    overfit_goals: ClassVar[Mapping[str, Goal]] = {"loss": ("under", 0.05), "acc": ("at least", 1)}

    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute loss and accuracy."""
        confusion = totals["confusion"]
        return {
            "loss": totals["loss"] / confusion.sum(),
            "acc": confusion.trace() / confusion.sum(),
        }

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the probability of each class, ``(N, K)``."""
        inputs, _ = batch
        return self.probabilities(self(inputs))
