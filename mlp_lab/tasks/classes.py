"""What classification with one output per class and with a single logit have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.evaluation.metrics import precision_recall_f1
from mlp_lab.nets import Head
from mlp_lab.nets.memory import require_memory
from mlp_lab.tasks.task import Goal, Mode, Task

ClassesScore = Literal["val/acc", "val/f1_macro", "val/loss"]
"""What may pick the best epoch."""

_INTEGER_BYTES = 8


class ClassesTask(Task):
    """Classify; the best epoch is the one of the best score, by default of the highest accuracy.

    A subclass returns ``loss``, a sum over samples, and ``confusion`` from ``batch_totals``.

    Args:
        num_classes: Number of classes K.
        score: Metric on validation that picks the best epoch, ranks runs, and is what a plateau
            follows: accuracy, the default, F1 averaged over the classes, in which a rare class
            counts as much as a common one, or loss.
        arguments: Other arguments of Task.

    Attributes:
        weighs_classes: Whether the training loss weighs classes.
        class_weights: Their weights, ``(K,)``; ones if it does not.
    """

    score: str = "val/acc"
    score_mode: Mode = "max"
    score_modes: ClassVar[Mapping[str, Mode]] = {
        "val/acc": "max",
        "val/f1_macro": "max",
        "val/loss": "min",
    }
    metric_names: ClassVar[Mapping[str, str]] = {
        "acc": "accuracy",
        "f1_macro": "F1 (macro)",
        "loss": "loss",
    }
    overfit_goals: ClassVar[Mapping[str, Goal]] = {"loss": ("under", 0.05), "acc": ("at least", 1)}
    head: ClassVar[Head] = "softmax"

    def __init__(
        self, num_classes: int, *, score: ClassesScore | None = None, **arguments: Any
    ) -> None:
        require_memory(
            num_classes**2 * _INTEGER_BYTES,
            f"The confusion matrix of {num_classes:,} classes",
            "Choose fewer, or --model RegressionTask where they are numbers.",
        )
        super().__init__(score=score, **arguments)
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

    @property
    def followed_metrics(self) -> Mapping[str, str]:
        """Accuracy and loss, and F1 where it is the score."""
        unfollowed = {"f1_macro"} - {self.score.removeprefix("val/")}
        return {key: name for key, name in self.metric_names.items() if key not in unfollowed}

    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute loss, accuracy, and the mean over the classes of F1."""
        confusion = totals["confusion"]
        _, _, f1 = precision_recall_f1(confusion.cpu())  # in float64, which not every GPU has
        return {
            "loss": totals["loss"] / confusion.sum(),
            "acc": confusion.trace() / confusion.sum(),
            "f1_macro": f1.mean().float(),
        }
