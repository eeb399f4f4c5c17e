"""How long training takes, and how many images a second it sees."""

import time
from typing import Any

import lightning.pytorch as pl

from mlp_lab.data.source import batches_of
from mlp_lab.evaluation.evaluation import TrainingTime
from mlp_lab.tasks import Task


class Stopwatch(pl.Callback):
    """Time the training part of each epoch and the whole; goes on counting in a resumed run.

    Attributes:
        train_seconds: Seconds in training steps and the loading between them, without validation.
        images: Samples trained on in that time.
        epoch_seconds: Seconds of the last epoch's training part.
    """

    def __init__(self) -> None:
        self.train_seconds = 0.0
        self.images = 0
        self.epoch_seconds = 0.0
        self._seconds_before = 0.0
        self._fit_start: float | None = None
        self._epoch_start: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds since training began, stops left out."""
        running = 0.0 if self._fit_start is None else time.perf_counter() - self._fit_start
        return self._seconds_before + running

    @property
    def images_per_second(self) -> float:
        """Samples trained on in a second, validation left out."""
        return self.images / self.train_seconds if self.train_seconds else 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clocks; what is measured and drawn before the first epoch does not count."""
        self._epoch_start = time.perf_counter()
        self._fit_start = self._fit_start or self._epoch_start
        self._epoch_images = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the batch."""
        self._epoch_images += sum(len(labels) for _, labels in batches_of(batch))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the epoch's clock."""
        self._stop_epoch(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the epoch's clock, where there was no validation."""
        self._stop_epoch(trainer)

    def _stop_epoch(self, trainer: pl.Trainer) -> None:
        if self._epoch_start is not None:
            self.epoch_seconds = time.perf_counter() - self._epoch_start
            self.train_seconds += self.epoch_seconds
            self.images += self._epoch_images * trainer.world_size
            self._epoch_start = None

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the time on the task."""
        if isinstance(pl_module, Task):
            was_measured = self._fit_start is not None
            pl_module.training_time = TrainingTime(
                self.seconds, self.images_per_second, was_measured
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on from."""
        return {
            "train_seconds": self.train_seconds,
            "images": self.images,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state."""
        self.train_seconds = state_dict["train_seconds"]
        self.images = state_dict["images"]
        self._seconds_before = state_dict["seconds"]
