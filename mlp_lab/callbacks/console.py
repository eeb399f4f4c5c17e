"""A training on the console: a live bar in a terminal, and one line for each epoch."""

import sys
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ProgressBar, RichProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from mlp_lab.callbacks.checkpoints import BestCheckpoint
from mlp_lab.callbacks.step_metrics import StepMetrics
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.tasks import Task

# A thread draws the bar so often, whatever the pace of the steps.
_REFRESHES_PER_SECOND = 10


class EpochLines(pl.Callback):
    """Print one line at the end of each epoch.

    Args:
        step_metrics: Has the means over the epoch's steps.
        stopwatch: Has the seconds of the epoch.
        best: Decides whether the epoch is the best so far.
    """

    def __init__(
        self, step_metrics: StepMetrics, stopwatch: Stopwatch, best: BestCheckpoint
    ) -> None:
        self.step_metrics = step_metrics
        self.stopwatch = stopwatch
        self.best = best
        self._validated = self._is_best = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the last validation."""
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find out whether this is the best so far; checkpoints are written after that."""
        self._validated = True
        score = trainer.callback_metrics.get(self.best.monitor or "")
        # In all processes, since they decide together.
        self._is_best = score is not None and self.best.check_monitor_top_k(trainer, score)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print epoch, metrics, seconds, and whether the score is the best so far."""
        if not trainer.is_global_zero:
            return
        width = len(str(trainer.max_epochs))
        train = _metrics_text(self.step_metrics.epoch_means, "train")
        unfollowed = (
            {f"val/{name}" for name in pl_module.metric_names.keys() - pl_module.followed_metrics}
            if isinstance(pl_module, Task)
            else set()
        )
        metrics = {
            key: float(value)
            for key, value in trainer.callback_metrics.items()
            if key not in unfollowed
        }
        val = f"  {_metrics_text(metrics, 'val')}" if self._validated else ""
        best = "  best" if self._validated and self._is_best else ""
        print(
            f"epoch {trainer.current_epoch + 1:>{width}}/{trainer.max_epochs}  {train}{val}"
            f"  {self.stopwatch.epoch_seconds:5.1f} s{best}",
            flush=True,
        )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print why a training ended before its time."""
        for callback in trainer.callbacks if trainer.is_global_zero else []:  # type: ignore[attr-defined]  # set by a connector
            if isinstance(callback, EarlyStopping) and callback.stopping_reason_message:
                reason = callback.stopping_reason_message.removesuffix(
                    " Signaling Trainer to stop."
                )
                print(f"stopped early after epoch {trainer.current_epoch}: {reason}")


class EpochBar(RichProgressBar):
    """Lightning's bar, counting epochs from 1, and steps where several run as one."""

    @property
    def total_train_batches(self) -> int | float:
        """Steps of an epoch."""
        if self.trainer.lightning_module.automatic_optimization:
            return super().total_train_batches
        steps: int = self.trainer.datamodule.steps_per_epoch  # type: ignore[attr-defined]  # set by a connector
        return steps

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a new bar."""
        self._steps_before = trainer.global_step
        super().on_train_epoch_start(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Show how many steps of the epoch are done."""
        if not pl_module.automatic_optimization:
            batch_idx = trainer.global_step - self._steps_before - 1
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Leave out the version, which the last line of the command names."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def _get_train_description(self, current_epoch: int) -> str:
        return f"epoch {current_epoch + 1}/{self.trainer.max_epochs}"


class NotebookBar(ProgressBar):
    """One bar over all epochs, for a notebook: those of a small net take less than a second."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show it."""
        total = trainer.max_epochs if trainer.max_epochs != -1 else None
        self._bar = Tqdm(total=total, initial=trainer.current_epoch, unit="epoch", leave=False)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count an epoch."""
        self._bar.update()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take it away, however the training ended."""
        if stage == "fit" and hasattr(self, "_bar"):
            self._bar.close()


def progress_bars() -> list[pl.Callback]:
    """Return the live progress bar of a terminal or a notebook; of a file or of silence none."""
    if sys.stdout.isatty():
        return [EpochBar(refresh_rate=_REFRESHES_PER_SECOND)]
    is_notebook = type(sys.stdout).__module__.partition(".")[0] == "ipykernel"
    return [NotebookBar()] if is_notebook else []


def _metrics_text(metrics: dict[str, float], stage: str) -> str:
    """Format the metrics of a stage, the loss first."""
    prefix = f"{stage}/"
    own = {k.removeprefix(prefix): v for k, v in metrics.items() if k.startswith(prefix)}
    return f"{stage}: " + " ".join(f"{k} {own[k]:.4f}" for k in sorted(own, reverse=True))
