"""One label out of K."""

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mlp_lab.data import Batch, LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.metrics import accuracy, confusion_matrix
from mlp_lab.nets import MLP, NetFactory
from mlp_lab.tasks.optimizer import Decayed, OptimizerFactory
from mlp_lab.tasks.schedule import Schedule
from mlp_lab.tasks.task import CompileMode, Task


class ClassificationTask(Task):
    """Tell K classes apart by cross-entropy; the best epoch is the one of the highest val/acc.

    Args:
        input_shape: Shape of one input; known from the data.
        num_classes: Number of classes K; known from the data.
        net: Class of the net and its arguments.
        optimizer: Class of the optimiser, any of torch.optim, and its arguments.
        schedule: How the learning rate changes: Constant, StepDecay, MultiStepDecay, Linear,
            Cosine, OneCycle or Plateau and their arguments; by default not at all.
        label_smoothing: Share of the label spread over all classes in the training loss, in [0, 1).
        weight_decay_on: What the optimiser's weight decay works on: the ``weights``, or ``all``,
            biases and norms too.
        compile_mode: Whether torch.compile compiles the net for training, and in which of its
            modes. That takes its time first; checkpoints hold the plain net.

    Raises:
        ConfigError: Fewer than two classes, or a smoothing outside [0, 1).
    """

    score: ClassVar[str] = "val/acc"
    score_mode: ClassVar[Literal["min", "max"]] = "max"
    metric_names: ClassVar[tuple[str, ...]] = ("loss", "acc")

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        net: NetFactory = MLP,
        optimizer: OptimizerFactory = torch.optim.Adam,
        schedule: Schedule | None = None,
        label_smoothing: float = 0.0,
        weight_decay_on: Decayed = "weights",
        compile_mode: CompileMode | None = None,
    ) -> None:
        if num_classes < 2:
            raise ConfigError(
                f"The data have {num_classes} class; ClassificationTask needs 2 or more."
            )
        if not 0 <= label_smoothing < 1:
            raise ConfigError(
                f"model.label_smoothing is {label_smoothing}; it must lie in [0, 1). Try 0.1."
            )
        super().__init__(
            net, optimizer, schedule, input_shape, num_classes, weight_decay_on, compile_mode
        )
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.weighs_classes = False
        self.class_weights: Tensor
        self.register_buffer("class_weights", torch.ones(num_classes))

    def take_statistics(self, data: LabDataModule) -> None:
        """Copy the class weights too."""
        super().take_statistics(data)
        self.weighs_classes = data.class_weights is not None
        self.class_weights.copy_(data.training_class_weights())

    def training_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy, weighted and smoothed as asked for."""
        weight = self.class_weights if self.weighs_classes else None  # all ones would cost time
        return F.cross_entropy(outputs, labels, weight=weight, label_smoothing=self.label_smoothing)

    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the accuracy; mixed labels ``(N, K)`` count as the larger one."""
        return {"acc": accuracy(outputs, labels if labels.ndim == 1 else labels.argmax(1))}

    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the confusion, and the loss without weights or smoothing, so that runs compare."""
        return {
            "loss": F.cross_entropy(outputs, labels, reduction="sum"),
            "confusion": confusion_matrix(outputs.argmax(1), labels, self.num_classes),
        }

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
        outputs: Tensor = self(inputs)
        return outputs.softmax(1)
