"""Binary classification by one logit."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.evaluation.metrics import confusion_matrix
from mlp_lab.nets import MLP, Head, NetFactory, TableEncoding
from mlp_lab.tables import PlainColumn
from mlp_lab.tasks.classes import ClassesScore, ClassesTask
from mlp_lab.tasks.loss import LossFactory, check_loss
from mlp_lab.tasks.optimizer import Decayed, OptimizerFactory
from mlp_lab.tasks.schedule import Schedule
from mlp_lab.tasks.task import CompileMode

_LOSSES = ("BCEWithLogitsLoss",)

_CONFIDENT = 10.0  # times a logit of 1


class BinaryTask(ClassesTask):
    """Classify into two classes by one logit, of the second.

    Args:
        num_classes: Number of classes, which must be 2; known from the data.
        loss: Class of the loss, of a logit and a label of 0 or 1, and its arguments; by default
            BCEWithLogitsLoss of torch.nn.
        pos_weight: How many times a sample of the second class counts in the training loss;
            positive. ``data.class_weights`` weighs both classes instead.

    Raises:
        ConfigError: Other than two classes, a weight that is not positive, or a loss that does not
            fit.
    """

    head: ClassVar[Head] = "sigmoid"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        net: NetFactory = MLP,
        loss: LossFactory | None = None,
        pos_weight: float | None = None,
        optimizer: OptimizerFactory = torch.optim.Adam,
        schedule: Schedule | None = None,
        weight_decay_on: Decayed = "weights",
        compile_mode: CompileMode | None = None,
        score: ClassesScore | None = None,
        calibrate: bool = False,
        columns: list[PlainColumn] | None = None,
        encoding: TableEncoding | None = None,
    ) -> None:
        if num_classes != 2:
            have = f"{num_classes} classes" if num_classes else "numbers to be predicted"
            other = "ClassificationTask" if num_classes else "RegressionTask"
            raise ConfigError(
                f"The data have {have}; BinaryTask needs exactly 2. Use --model "
                f"{other}{', or choose two with data.source.classes' if num_classes > 2 else ''}."
            )
        settings: dict[str, Any] = {}
        if pos_weight is not None:
            if pos_weight <= 0:
                raise ConfigError(f"model.pos_weight is {pos_weight}; it must be positive.")
            settings["pos_weight"] = torch.tensor(pos_weight)
        super().__init__(
            num_classes,
            input_shape=input_shape,
            num_outputs=1,
            net=net,
            loss=loss or nn.BCEWithLogitsLoss,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay_on=weight_decay_on,
            compile_mode=compile_mode,
            score=score,
            calibrate=calibrate,
            columns=columns,
            encoding=encoding,
            loss_settings=settings,
        )
        self.pos_weight = pos_weight
        labels = torch.tensor([[0.0], [1.0], [1.0]])
        right = 2 * labels - 1
        check_loss(self.loss, right, -right, labels, _LOSSES)
        # MSELoss and the like grow again beyond the label.
        check_loss(self.loss, _CONFIDENT * right, right, labels, _LOSSES)

    def take_statistics(self, data: LabDataModule) -> None:
        """Refuse two weights for the second class.

        Raises:
            ConfigError: It has two, or the loss takes no class weights.
        """
        super().take_statistics(data)
        if self.weighs_classes and self.pos_weight is not None:
            raise ConfigError(
                f"data.class_weights is {data.class_weights!r}, and model.pos_weight is "
                f"{self.pos_weight}: two weights for one class. Leave one of the two out."
            )

    def training_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits ``(N, 1)`` against labels ``(N,)`` or mixed ones ``(N, 2)``."""
        positive = _share_of_second(labels)
        if self.weighs_classes:
            shares = positive.to(self.class_weights.dtype)
            self.loss.weight = torch.lerp(self.class_weights[0], self.class_weights[1], shares)
        loss: Tensor = self.loss(
            outputs, positive.to(torch.promote_types(outputs.dtype, torch.float32))
        )
        return loss

    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the accuracies ``(S,)``; mixed labels ``(S, N, 2)`` count as the larger one."""
        second = labels if labels.ndim == 2 else labels[..., 1]
        right = (outputs[..., 0] > 0) == (second > 0.5)
        return {"acc": right.float().mean(1)}

    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the confusion, and the loss without weights, so that runs compare."""
        predicted = (outputs[:, 0] > 0).long()
        return {
            "loss": self.scoring_loss(outputs.float(), _share_of_second(labels)) * len(labels),
            "confusion": confusion_matrix(predicted, labels, 2),
        }


def _share_of_second(labels: Tensor) -> Tensor:
    """Return the share of the second class in each label, ``(N, 1)``."""
    return labels[:, 1:] if labels.ndim == 2 else labels[:, None].float()
