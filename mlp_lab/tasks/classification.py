"""Classification into K classes, one logit each."""

import torch
from torch import Tensor, nn

from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.evaluation.metrics import confusion_matrix
from mlp_lab.nets import MLP, NetFactory, TableEncoding
from mlp_lab.tables import PlainColumn
from mlp_lab.tasks.classes import ClassesScore, ClassesTask
from mlp_lab.tasks.loss import LossFactory, check_loss
from mlp_lab.tasks.optimizer import Decayed, OptimizerFactory
from mlp_lab.tasks.schedule import Schedule
from mlp_lab.tasks.task import CompileMode

_LOSSES = ("CrossEntropyLoss", "MultiMarginLoss")

_CONFIDENT = 10.0


class ClassificationTask(ClassesTask):
    """Classify into K classes, one logit each.

    Args:
        num_classes: Number of classes K; known from the data.
        loss: Class of the loss and its arguments: CrossEntropyLoss, the default, or MultiMarginLoss
            of torch.nn, or another of logits ``(N, K)`` and labels ``(N,)``.
        label_smoothing: Share of the label spread over all classes in the training loss, in [0, 1).

    Raises:
        ConfigError: Fewer than two classes, a smoothing outside [0, 1), or a loss that does not
            fit.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        net: NetFactory = MLP,
        loss: LossFactory | None = None,
        label_smoothing: float = 0.0,
        optimizer: OptimizerFactory = torch.optim.Adam,
        schedule: Schedule | None = None,
        weight_decay_on: Decayed = "weights",
        compile_mode: CompileMode | None = None,
        score: ClassesScore | None = None,
        calibrate: bool = False,
        columns: list[PlainColumn] | None = None,
        encoding: TableEncoding | None = None,
    ) -> None:
        if num_classes == 0:
            raise ConfigError(
                "These data have numbers to be predicted and no classes: ClassificationTask cannot "
                "learn them. Use --model RegressionTask."
            )
        if num_classes == 1:
            raise ConfigError("The data have 1 class; ClassificationTask needs 2 or more.")
        if not 0 <= label_smoothing < 1:
            raise ConfigError(
                f"model.label_smoothing is {label_smoothing}; it must lie in [0, 1). Try 0.1."
            )
        super().__init__(
            num_classes,
            input_shape=input_shape,
            num_outputs=num_classes,
            net=net,
            loss=loss or nn.CrossEntropyLoss,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay_on=weight_decay_on,
            compile_mode=compile_mode,
            score=score,
            calibrate=calibrate,
            columns=columns,
            encoding=encoding,
            loss_settings={"label_smoothing": label_smoothing} if label_smoothing else None,
        )
        self.label_smoothing = label_smoothing
        self._check_loss(torch.arange(num_classes + 1) % num_classes)

    def _check_loss(self, labels: Tensor) -> None:
        indices = labels if labels.ndim == 1 else labels.argmax(1)
        confident = _CONFIDENT * torch.eye(self.num_classes)
        wrong = (indices + 1) % self.num_classes
        check_loss(self.loss, confident[indices], confident[wrong], labels, _LOSSES)

    def take_statistics(self, data: LabDataModule) -> None:
        """Pass the class weights to the loss.

        Raises:
            ConfigError: The loss takes no class weights, or no mixed labels.
        """
        super().take_statistics(data)
        if data.mixes_labels:
            self._check_loss(torch.eye(self.num_classes).repeat(2, 1))
        if self.weighs_classes:
            self.loss.weight = self.class_weights

    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the accuracies ``(S,)``; mixed labels ``(S, N, K)`` count as the larger one."""
        right = outputs.argmax(2) == (labels if labels.ndim == 2 else labels.argmax(2))
        return {"acc": right.float().mean(1)}

    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the confusion, and the loss without weights or smoothing, so that runs compare."""
        return {
            "loss": self.scoring_loss(outputs.float(), labels) * len(labels),
            "confusion": confusion_matrix(outputs.argmax(1), labels, self.num_classes),
        }
