"""Several training steps as one: Lightning is gone through once for a list of batches.

What Lightning does for each batch that it is handed takes longer than a step of a small net. Handed
a list of batches, a module takes a step for each of them, with the same numbers bit by bit.
Lightning then counts lists where it would count batches, and calls its hooks once for a list.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mlp_lab.data import Batch
from mlp_lab.errors import ConfigError

_BACKWARD_HOOKS = ("on_before_backward", "on_after_backward")


class MultiStepModule(pl.LightningModule, ABC):
    """Take a training step for a batch, or one for each of a list of batches.

    Attributes:
        clipping: Arguments of ``configure_gradient_clipping`` for the steps of a list, where the
            gradients are clipped. Of single steps the Trainer knows them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clipping: dict[str, Any] = {}

    @abstractmethod
    def compute_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a training batch, and detached metrics under their logged names."""

    def training_step(self, batch: Batch | list[Batch], batch_idx: int) -> dict[str, Any]:
        """Take one step, or all steps of a list of batches.

        Returns:
            ``steps``: for each step its metrics and learning rate; and of a single one its loss.
        """
        if isinstance(batch, list):
            backward = Tensor.backward if self._goes_backward_plainly() else self.manual_backward
            steps = [self._optimise(one, backward) for one in batch]
            # What Lightning logs everything at; it counts one for the list behind this.
            self.trainer.fit_loop.epoch_loop._batches_that_stepped = self.trainer.global_step - 1
            return {"steps": steps}
        rate = self._learning_rate()
        loss, metrics = self.compute_loss(batch)
        return {"loss": loss, "steps": [{"lr": rate, **metrics}]}

    def _learning_rate(self) -> float:
        rate: float = self.trainer.optimizers[0].param_groups[0]["lr"]
        return rate

    def _goes_backward_plainly(self) -> bool:
        """Whether Lightning would do nothing but call ``loss.backward()``, hooks included."""
        trainer = self.trainer
        is_plain = type(trainer.strategy) is SingleDeviceStrategy and not any(
            is_overridden(name, trainer.precision_plugin, Precision)
            for name in ("pre_backward", "backward", "post_backward")
        )
        listeners = (self, pl.LightningModule), *((c, pl.Callback) for c in trainer.callbacks)  # type: ignore[attr-defined]  # set by a connector
        return is_plain and not any(
            is_overridden(name, listener, kind)
            for listener, kind in listeners
            for name in ("backward", "manual_backward", *_BACKWARD_HOOKS)
            if hasattr(kind, name)
        )

    def _optimise(self, batch: Batch, backward: Callable[[Tensor], None]) -> dict[str, Any]:
        """Do for a batch what Lightning does in automatic optimisation, with the same numbers."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        rate = self._learning_rate()
        optimizer.zero_grad()
        loss, metrics = self.compute_loss(batch)
        backward(loss)
        optimizer.step()
        for scheduler in self.find_schedulers():
            scheduler.step()
        return {"lr": rate, **metrics}

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
