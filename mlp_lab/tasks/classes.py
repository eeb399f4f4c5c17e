"""What classification with one output per class and with a single logit have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.nets import Head
from mlp_lab.nets.memory import require_memory
from mlp_lab.tasks.task import Goal, Task

_INTEGER_BYTES = 8


class ClassesTask(Task):
    """Classify; the best epoch is the one of the highest val/acc.

    A subclass returns ``loss``, a sum over samples, and ``confusion`` from ``batch_totals``.

    Args:
        num_classes: Number of classes K.
        arguments: Arguments of Task.

    Attributes:
        weighs_classes: Whether the training loss weighs classes.
        class_weights: Their weights, ``(K,)``; ones if it does not.
    """

    score: ClassVar[str] = "val/acc"
    score_mode: ClassVar[Literal["min", "max"]] = "max"
    metric_names: ClassVar[Mapping[str, str]] = {"acc": "accuracy", "loss": "loss"}
    overfit_goals: ClassVar[Mapping[str, Goal]] = {"loss": ("under", 0.05), "acc": ("at least", 1)}
    head: ClassVar[Head] = "softmax"

    def __init__(self, num_classes: int, **arguments: Any) -> None:
        require_memory(
            num_classes**2 * _INTEGER_BYTES,
            f"The confusion matrix of {num_classes:,} classes",
            "Choose fewer, or --model RegressionTask where they are numbers.",
        )
        super().__init__(**arguments)
        self.num_classes = num_classes
        self.weighs_classes = False
        self.class_weights: Tensor
        self.register_buffer("class_weights", torch.ones(num_classes))

    def take_statistics(self, data: LabDataModule) -> None:
        """Copy the class weights too.

        Raises:
            ConfigError: The loss takes no class weights.
        """
        super().take_statistics(data)
        self.weighs_classes = data.class_weights is not None
        self.class_weights.copy_(data.training_class_weights())
        if (
            self.weighs_classes and "weight" not in self.loss._buffers
        ):  # there even where it is None
            raise ConfigError(
                f"data.class_weights is {data.class_weights!r}, and model.loss "
                f"{type(self.loss).__name__} takes no weights. Leave one of the two out."
            )

    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute loss and accuracy."""
        confusion = totals["confusion"]
        return {
            "loss": totals["loss"] / confusion.sum(),
            "acc": confusion.trace() / confusion.sum(),
        }
