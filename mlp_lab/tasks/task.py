"""What every task does: normalise, forward, one shared step, and sums that add up to metrics."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from mlp_lab.data import Batch, LabDataModule
from mlp_lab.describe import class_path, describe, plain
from mlp_lab.errors import ConfigError
from mlp_lab.nets import NetFactory
from mlp_lab.tasks.schedule import Schedule

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""An optimiser class with its own arguments, to be called with the parameters."""

Stage = Literal["val", "test"]


class Task(pl.LightningModule, ABC):
    """Wrap a net with what it learns from and how it is scored; knows nothing of files or figures.

    Training returns the metrics of each step as tensors on the device, for a callback to collect.
    Evaluation adds up sums over samples and divides once at the epoch's end, so a last small batch
    counts by its size, and several processes give the same result as one.

    Attributes:
        score: Metric that picks the best checkpoint, and stopping and plateau follow.
        score_mode: Whether the score is best at its ``max`` or ``min``.
        totals: Sums over the samples of the last evaluation, by name.
    """

    score: ClassVar[str]
    score_mode: ClassVar[Literal["min", "max"]]

    def __init__(
        self,
        net: NetFactory,
        optimizer: OptimizerFactory,
        schedule: Schedule | None,
        input_shape: tuple[int, ...],
        num_outputs: int,
    ) -> None:
        super().__init__()
        self.schedule = schedule
        self.input_shape = tuple(input_shape)
        self.net = net(self.input_shape, num_outputs)
        self.optimizer = optimizer
        self._optimizer_description = describe_optimizer(optimizer)
        self.totals: dict[str, Tensor] = {}
        per_channel = (self.input_shape[0], *[1] * (len(self.input_shape) - 1))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(per_channel))
        self.std: Tensor
        self.register_buffer("std", torch.ones(per_channel))

    @abstractmethod
    def training_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss to descend, a scalar."""

    @abstractmethod
    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the metrics of a training batch besides its loss, as scalars."""

    @abstractmethod
    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return sums over a batch that add up over batches and processes."""

    @abstractmethod
    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the metrics of an evaluation from its sums."""

    def normalise(self, inputs: Tensor) -> Tensor:
        """Scale bytes to 0..1, then channels to mean 0 and variance 1 over the training images.

        Shape:
            ``(N, *input_shape)``, uint8 or floating, to the same in the net's precision.
        """
        scaled = inputs
        if inputs.dtype == torch.uint8:
            scaled = inputs.to(self.mean.dtype, copy=True).div_(255)
        return (scaled - self.mean) / self.std

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of the net for raw inputs, ``(N, *input_shape)`` to ``(N, K)``."""
        outputs: Tensor = self.net(self.normalise(inputs))
        return outputs

    def setup(self, stage: str) -> None:
        """Take over what the data know, before training; a checkpoint brings it along otherwise."""
        # Without a trainer, or with bare loaders, there is nobody to ask.
        datamodule = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and isinstance(datamodule, LabDataModule):
            self.take_statistics(datamodule)

    def take_statistics(self, data: LabDataModule) -> None:
        """Copy mean and standard deviation of the inputs; a constant channel is only shifted.

        Raises:
            ConfigError: A batch would hold too few samples for batch normalisation.
        """
        left_over = len(data.subsets["train"]) % data.batch_size
        normalises = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.net.modules())
        if normalises and 1 in (data.batch_size, left_over):
            raise ConfigError(
                f"With data.batch_size {data.batch_size} a training batch holds one sample, over "
                "which batch normalisation cannot work. Choose another data.batch_size."
            )
        self.mean.copy_(data.mean.view_as(self.mean))
        self.std.copy_(torch.where(data.std > 0, data.std, 1.0).view_as(self.std))

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss, and detached metrics under their logged names."""
        inputs, labels = batch
        outputs = self(inputs)
        loss = self.training_loss(outputs, labels)
        metrics = {"loss": loss, **self.step_metrics(outputs, labels)}
        return {"loss": loss} | {f"train/{key}": value.detach() for key, value in metrics.items()}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the sums."""
        self._add_totals(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the sums."""
        self._add_totals(batch)

    def on_validation_epoch_start(self) -> None:
        """Start the sums anew."""
        self.totals = {}

    def on_test_epoch_start(self) -> None:
        """Start the sums anew."""
        self.totals = {}

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of all validation samples."""
        self._log_totals("val")

    def on_test_epoch_end(self) -> None:
        """Log the metrics of all test samples."""
        self._log_totals("test")

    def _add_totals(self, batch: Batch) -> None:
        inputs, labels = batch
        for key, value in self.batch_totals(self(inputs), labels).items():
            self.totals[key] = self.totals[key] + value if key in self.totals else value

    def _log_totals(self, stage: Stage) -> None:
        reduce = self.trainer.strategy.reduce
        self.totals = {key: reduce(value, reduce_op="sum") for key, value in self.totals.items()}
        metrics = self.metrics_of(self.totals)
        self.log_dict({f"{stage}/{key}": value for key, value in metrics.items()})

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser over all trainable parameters, and what changes its rate."""
        optimizer = self.optimizer(p for p in self.net.parameters() if p.requires_grad)
        if self.schedule is None:
            return optimizer
        trainer = self.trainer
        num_steps = trainer.estimated_stepping_batches
        if math.isinf(num_steps):
            raise ConfigError("model.schedule needs an end: set --trainer.max_epochs or max_steps.")
        # Asking for the number of all steps has set the number of an epoch's batches.
        batches = int(trainer.num_training_batches)
        steps_per_epoch = math.ceil(batches / trainer.accumulate_grad_batches)
        factor = self.schedule.factor_of_step(steps_per_epoch, int(num_steps))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def describe(self) -> dict[str, Any]:
        """Say the task in plain types, in the form in which Lightning's CLI writes hyperparameters.

        ``load_from_checkpoint`` rebuilds the task from it, however it was made in the first place.
        """
        parts = {"net": self.net.describe(), "optimizer": self._optimizer_description}
        if self.schedule is not None:
            parts["schedule"] = describe(self.schedule)
        own = describe(self, leave_out=parts)
        return {
            "_instantiator": "lightning.pytorch.cli.instantiate_module",
            "_class_path": own["class_path"],
            **own["init_args"],
            **parts,
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the description into the checkpoint."""
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = self.describe()


def describe_optimizer(factory: OptimizerFactory) -> dict[str, Any]:
    """Say an optimiser in plain types, by making one for a parameter that nobody uses.

    That also finds arguments that the optimiser refuses, before anything is trained.

    Raises:
        ConfigError: The optimiser does not take its arguments.

    Example:
        >>> describe_optimizer(torch.optim.SGD)["class_path"]
        'torch.optim.sgd.SGD'
    """
    try:
        optimizer = factory([nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"model.optimizer cannot be made: {error}.") from error
    cls = type(optimizer)
    arguments = {
        name: plain(value)
        for name, value in optimizer.defaults.items()
        if name in inspect.signature(cls).parameters
    }
    return {"class_path": class_path(cls), "init_args": arguments}
