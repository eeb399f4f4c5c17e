"""Several training steps as one: Lightning is gone through once for a list of batches.

What Lightning does for each batch that it is handed takes longer than a step of a small net. Handed
a list of batches, a module takes a step for each of them, with the same numbers bit by bit.
Lightning then counts lists where it would count batches, and calls its hooks once for a list.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mlp_lab.data import Batch
from mlp_lab.errors import ConfigError

_PARTS_OF_A_STEP = {
    Precision: (
        *("pre_backward", "backward", "post_backward"),
        *("optimizer_step", "_wrap_closure", "_after_closure"),
    ),
    pl.LightningModule: ("backward", "manual_backward", "on_before_backward", "on_after_backward"),
    pl.Callback: ("on_before_backward", "on_after_backward", "on_before_optimizer_step"),
    Optimizer: ("zero_grad",),
}
"""What Lightning calls around ``loss.backward()`` and ``optimizer.step()``."""


class _Step(NamedTuple):
    """What is left of a training step.

    Attributes:
        rate: The learning rate that it was taken with.
        loss: Loss of its batch.
        outputs: Outputs of the net for it, ``(N, K)``.
    """

    rate: float
    loss: Tensor
    outputs: Tensor

    @classmethod
    def done(cls, rate: float, loss: Tensor, outputs: Tensor) -> Self:
        """Keep what came out, which a compiled net may write over at its next step."""
        return cls(rate, loss.detach(), outputs.detach().clone())


class MultiStepModule(pl.LightningModule, ABC):
    """Take a training step for a batch, or one for each of a list of batches.

    Attributes:
        clipping: Arguments of ``configure_gradient_clipping`` for the steps of a list, where the
            gradients are clipped. Of single steps the Trainer knows them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clipping: dict[str, Any] = {}
        self._steps_plainly: bool | None = None

    def setup(self, stage: str) -> None:
        """Find out anew at the next training who listens to its steps."""
        self._steps_plainly = None

    @abstractmethod
    def prepare(self, batches: list[Batch]) -> Iterable[Batch]:
        """Do to training batches what takes no weights, for all in one go where that is faster."""

    @abstractmethod
    def compute_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of a training batch that is prepared, and the outputs of the net."""

    @abstractmethod
    def measure_steps(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return metrics of S training batches under their logged names, ``(S,)`` each."""

    def training_step(self, batch: Batch | list[Batch], batch_idx: int) -> dict[str, Any]:
        """Take one step, or all steps of a list of batches.

        Returns:
            ``steps``: learning rate and metrics of S steps by their logged names, ``(S,)`` each;
            and of a single one its loss.
        """
        if isinstance(batch, list):
            steps = self._measure(self._optimise(self.prepare(batch)), batch)
            # What Lightning logs everything at; it counts one for the list behind this.
            self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.trainer.global_step - 1
            return {"steps": steps}
        rate: float = self.trainer.optimizers[0].param_groups[0]["lr"]
        (one,) = self.prepare([batch])
        loss, outputs = self.compute_loss(one)
        step = _Step.done(rate, loss, outputs)
        return {"loss": loss, "steps": self._measure([step], [batch])}

    def _measure(self, steps: list[_Step], batches: list[Batch]) -> dict[str, Any]:
        """Return rates, a list, and tensors of losses and metrics, in one go, which is faster."""
        parts: dict[str, list[Tensor]] = {}
        taken = zip(steps, batches, strict=True)
        # The last batch of an epoch may be smaller.
        for _, group in itertools.groupby(taken, lambda pair: len(pair[0].outputs)):
            alike, sources = zip(*group, strict=True)
            outputs = torch.stack([step.outputs for step in alike])
            labels = torch.stack([labels for _, labels in sources])
            for key, values in self.measure_steps(outputs, labels).items():
                if values.shape != (len(alike),):
                    raise ConfigError(
                        f"{key} of {len(alike)} steps has shape {tuple(values.shape)}; "
                        f"{type(self).__name__} must return one number for each."
                    )
                parts.setdefault(key, []).append(values)
        return {
            "lr": [step.rate for step in steps],
            "train/loss": torch.stack([step.loss for step in steps]),
            **{key: torch.cat(values) for key, values in parts.items()},
        }

    def _is_plain(self) -> bool:
        """Whether Lightning would do nothing at a step but what ``_descend_plainly`` does."""
        trainer = self.trainer
        parts = (trainer.precision_plugin, self, *trainer.optimizers, *trainer.callbacks)  # type: ignore[attr-defined]  # set by a connector
        return type(trainer.strategy) is SingleDeviceStrategy and not any(
            is_overridden(name, part, kind)
            for part in parts
            for kind, names in _PARTS_OF_A_STEP.items()
            if isinstance(part, kind)
            for name in names
        )

    def _optimise(self, batches: Iterable[Batch]) -> list[_Step]:
        """Do for batches what Lightning does in automatic optimisation, with the same numbers."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        schedulers = self.find_schedulers()
        if self._steps_plainly is None:
            self._steps_plainly = self._is_plain()
        descend = self._descend_plainly if self._steps_plainly else self._descend
        group = optimizer.optimizer.param_groups[0]
        steps = []
        for batch in batches:
            rate = group["lr"]
            loss, outputs = self.compute_loss(batch)
            descend(optimizer, loss)
            for scheduler in schedulers:
                scheduler.step()
            steps.append(_Step.done(rate, loss, outputs))
        return steps

    def _descend(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        optimizer.optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def _descend_plainly(self, optimizer: LightningOptimizer, loss: Tensor) -> None:
        """Spare Lightning's detours, which take a tenth of a small net's step."""
        for group in optimizer.optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None  # as zero_grad, in a twentieth of its time
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer._on_before_step()  # which counts the steps
        self.on_before_optimizer_step(optimizer.optimizer)
        optimizer.optimizer.step()
        optimizer._on_after_step()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip gradients, which Lightning does in automatic optimisation alone, at this place."""
        if self.clipping and not self.automatic_optimization:
            self.configure_gradient_clipping(optimizer, **self.clipping)

    def find_schedulers(self) -> list[LambdaLR]:
        """Return what the schedule was made into; a callback may have put its own in its place."""
        schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        return [s for s in schedulers if isinstance(s, LambdaLR)]

    def count_steps(self) -> tuple[int, int]:
        """Return the number of training steps of an epoch, and of the whole training."""
        trainer = self.trainer
        num_steps = trainer.estimated_stepping_batches
        if num_steps == float("inf"):
            raise ConfigError("model.schedule needs an end: set --trainer.max_epochs or max_steps.")
        if self.automatic_optimization:
            # Asking for the number of all steps has set the number of an epoch's batches.
            batches = int(trainer.num_training_batches)
            return -(-batches // trainer.accumulate_grad_batches), int(num_steps)
        # Lightning has counted lists, and nothing but max_epochs sets an end.
        steps_per_epoch: int = trainer.datamodule.steps_per_epoch  # type: ignore[attr-defined]  # set by a connector
        assert trainer.max_epochs is not None
        return steps_per_epoch, steps_per_epoch * trainer.max_epochs
