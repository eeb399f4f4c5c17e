"""Regression."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mlp_lab.data import LabDataModule
from mlp_lab.data.statistics import channel_mean_std
from mlp_lab.errors import ConfigError
from mlp_lab.nets import MLP, NetFactory, TableEncoding
from mlp_lab.tables import PlainColumn
from mlp_lab.tasks.loss import LossFactory, check_loss
from mlp_lab.tasks.optimizer import Decayed, OptimizerFactory
from mlp_lab.tasks.schedule import Schedule
from mlp_lab.tasks.task import CompileMode, Goal, Mode, Task, in_one_go

RegressionScore = Literal["val/loss", "val/rmse", "val/mae", "val/r2"]
"""What may pick the best epoch."""

_LOSSES = ("MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss")


class RegressionTask(Task):
    """Predict T targets.

    Outputs, metrics and figures are in the units of the targets; the loss is that of scaled ones.

    Args:
        num_targets: Number of targets T of each sample; known from the data.
        loss: Class of the loss and its arguments: MSELoss, the default, L1Loss, HuberLoss or
            SmoothL1Loss of torch.nn, or another of outputs and targets ``(N, T)``.
        score: Metric on validation that picks the best epoch, ranks runs, and is what a plateau
            follows: loss, the default, root mean squared error, mean absolute error or R².
        scale_targets: Whether the net learns targets of mean 0 and variance 1 over the training
            samples, so that learning rate and loss suit targets of any size.

    Attributes:
        target_mean: Mean of each target over the training samples, ``(T,)``; 0 if not scaled.
        target_std: Their standard deviation, ``(T,)``; 1 for a constant target, or if not scaled.

    Raises:
        ConfigError: The data have classes, or a loss that does not fit.
    """

    score: str = "val/loss"
    score_mode: Mode = "min"
    score_modes: ClassVar[Mapping[str, Mode]] = {
        "val/loss": "min",
        "val/rmse": "min",
        "val/mae": "min",
        "val/r2": "max",
    }
    metric_names: ClassVar[Mapping[str, str]] = {
        "loss": "loss",
        "rmse": "root mean squared error",
        "mae": "mean absolute error",
        "r2": "R²",
    }
    overfit_goals: ClassVar[Mapping[str, Goal]] = {"r2": ("at least", 0.95)}

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_targets: int,
        net: NetFactory = MLP,
        loss: LossFactory | None = None,
        optimizer: OptimizerFactory = torch.optim.Adam,
        schedule: Schedule | None = None,
        weight_decay_on: Decayed = "weights",
        compile_mode: CompileMode | None = None,
        score: RegressionScore | None = None,
        scale_targets: bool = True,
        columns: list[PlainColumn] | None = None,
        encoding: TableEncoding | None = None,
    ) -> None:
        if num_targets == 0:
            raise ConfigError(
                "These data have classes and no numbers to be predicted: RegressionTask cannot "
                "learn them. Use --model ClassificationTask."
            )
        super().__init__(
            input_shape=input_shape,
            num_outputs=num_targets,
            net=net,
            loss=loss or nn.MSELoss,
            optimizer=optimizer,
            schedule=schedule,
            weight_decay_on=weight_decay_on,
            compile_mode=compile_mode,
            score=score,
            columns=columns,
            encoding=encoding,
        )
        self.num_targets = num_targets
        self.scale_targets = scale_targets
        self.target_mean: Tensor
        self.register_buffer("target_mean", torch.zeros(num_targets))
        self.target_std: Tensor
        self.register_buffer("target_std", torch.ones(num_targets))
        targets = torch.linspace(-1, 1, 3)[:, None].expand(-1, num_targets)
        for error in (-0.5, 0.5):
            check_loss(self.loss, targets.clone(), targets + error, targets, _LOSSES)

    def take_statistics(self, data: LabDataModule) -> None:
        """Copy mean and standard deviation of the targets too; a constant one is only shifted."""
        super().take_statistics(data)
        if self.scale_targets:
            train = data.subsets["train"]
            mean, std = channel_mean_std(train.samples.labels, train.indices)
            varies = (train.labels != train.labels[:1]).any(0)
            self.target_mean.copy_(mean)
            self.target_std.copy_(torch.where(varies, std, 1.0))

    def finish(self, outputs: Tensor) -> Tensor:
        """Return the outputs of the net in the units of the targets, ``(..., T)``."""
        return super().finish(outputs) * self.target_std + self.target_mean

    def scaled(self, targets: Tensor) -> Tensor:
        """Scale targets, or predictions of them, to mean 0 and variance 1, ``(N, T)``."""
        return (targets - self.target_mean) / self.target_std

    def prepare_labels(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        """Return the scaled targets of each batch."""
        return in_one_go(self.scaled, batches)

    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return root mean squared and mean absolute error, and R², of S batches, ``(S,)`` each."""
        return _scores_of(_sums_of(outputs, labels), labels.shape[1])

    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return sums of errors, and of targets and their squares, ``(T,)`` each."""
        loss = self.scoring_loss(self.scaled(outputs.float()), self.scaled(labels))
        return {
            "samples": torch.tensor(len(labels), device=labels.device),
            "loss": loss * len(labels),
            **_sums_of(outputs, labels),
        }

    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute loss, root mean squared and mean absolute error, and R², the mean over targets.

        R² of a constant target is 1 if all predictions are exact, else 0, as in scikit-learn.
        """
        num = totals["samples"]
        return {"loss": totals["loss"] / num, **_scores_of(totals, num)}

    def complete_state(self, state_dict: dict[str, Any], prefix: str = "") -> None:
        """Add the scale of a net that version 0.1 trained, whose targets were not scaled."""
        super().complete_state(state_dict, prefix)
        mean, std = f"{prefix}target_mean", f"{prefix}target_std"
        if state_dict.keys().isdisjoint((mean, std)):
            state_dict[mean] = torch.zeros_like(self.target_mean)
            state_dict[std] = torch.ones_like(self.target_std)


def _sums_of(outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return sums of errors, and of targets and their squares, over N samples.

    Shape:
        ``(..., N, T)`` to ``(..., T)``.
    """
    # Squares of large targets would cancel in single precision.
    dtype = torch.float32 if outputs.device.type == "mps" else torch.float64
    errors, targets = (outputs - labels).to(dtype), labels.to(dtype)
    return {
        "absolute": errors.abs().sum(-2),
        "squared": errors.square().sum(-2),
        "targets": targets.sum(-2),
        "targets_squared": targets.square().sum(-2),
    }


def _scores_of(sums: Mapping[str, Tensor], num: Tensor | int) -> dict[str, Tensor]:
    """Return root mean squared and mean absolute error, and R², the mean over targets.

    Shape:
        ``(..., T)`` to ``(...)``.
    """
    squared = sums["squared"]
    spread = sums["targets_squared"] - sums["targets"].square() / num
    tiny = torch.finfo(spread.dtype).eps * sums["targets_squared"] * 10
    r2 = torch.where(spread > tiny, 1 - squared / spread.clamp(min=1e-30), 1.0 * (squared == 0))
    return {
        "rmse": (squared / num).mean(-1).sqrt().float(),
        "mae": (sums["absolute"] / num).mean(-1).float(),
        "r2": r2.mean(-1).float(),
    }
