"""metrics.json: the final figures."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.files.atomic import write_json
from mlp_lab.runs.run import read_json
from mlp_lab.tasks import Task


class MetricsFile(ResultCallback):
    """Keep metrics.json up to date; entries that are there stay unless they come anew.

    Args:
        directory: Where metrics.json goes.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.path = self.results.directory / "metrics.json"
        self.metrics: dict[str, Any] = read_json(self.path)
        self._training: dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the scores of the untrained net."""
        before = getattr(pl_module, "scores", {}).get("test_before")
        if before and trainer.ckpt_path is None:
            confusion = {} if before.confusion is None else {"confusion": before.confusion.tolist()}
            self._add(trainer, {"test_before": before.metrics | confusion})

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the figures of the training, to be written with those of its best epoch."""
        self._training = {"epochs": trainer.current_epoch}
        if data := find_data(trainer):
            self._training["validation"] = data.validation_origin

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the figures of the test, class by class."""
        metrics: dict[str, Any] = {}
        assert isinstance(pl_module, Task)
        if self._training:
            if best := pl_module.loaded:
                metrics |= {"best_epoch": best.epochs, **self._training, **best.metrics}
            time = pl_module.training_time
            if time and (time.was_measured or "seconds" not in self.metrics):
                metrics["seconds"] = time.seconds
                metrics["images_per_second"] = time.images_per_second
        metrics |= {key: float(value) for key, value in trainer.callback_metrics.items()}
        if pl_module.evaluation:
            summary = pl_module.evaluation.summary()
            metrics |= {f"test/{key}": value for key, value in summary.items()}
        if train := pl_module.scores.get("train_eval"):
            metrics |= {f"train_eval/{key}": value for key, value in train.metrics.items()}
            metrics |= {"train_eval/classes": train.classes} if train.classes else {}
        self._add(trainer, metrics)

    def _add(self, trainer: pl.Trainer, metrics: dict[str, Any]) -> None:
        self.metrics |= metrics
        if trainer.is_global_zero:
            with self.results.making(self.path):
                write_json(self.path, self.metrics)
