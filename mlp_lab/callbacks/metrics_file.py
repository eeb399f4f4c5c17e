"""metrics.json: the final figures."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.files.atomic import write_json
from mlp_lab.runs.run import read_json
from mlp_lab.tasks import Task

_TIMES = ("seconds", "images_per_second")


class MetricsFile(ResultCallback):
    """Keep metrics.json up to date; entries of an earlier test stay unless they are measured anew.

    Args:
        directory: Where metrics.json goes.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.path = self.results.directory / "metrics.json"
        self.metrics: dict[str, Any] = read_json(self.path)
        self._training: dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the scores of the untrained net, where they were just measured."""
        scores = getattr(pl_module, "scores", {}).get("test_before")
        if scores and trainer.ckpt_path is None:
            self._add(trainer, {"test_before": scores.plain()})

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the figures of the training, to be written with those of the tested epoch."""
        self._training = {"epochs": trainer.current_epoch}
        if data := find_data(trainer):
            self._training["validation"] = data.validation_origin

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the figures of the test, and of the training before it."""
        assert isinstance(pl_module, Task)
        training = _training_metrics(pl_module, self._training, self.metrics)
        logged = {key: float(value) for key, value in trainer.callback_metrics.items()}
        self._add(trainer, training | logged | _test_metrics(pl_module))

    def _add(self, trainer: pl.Trainer, metrics: dict[str, Any]) -> None:
        self.metrics |= metrics
        if trainer.is_global_zero:
            with self.results.making(self.path):
                write_json(self.path, self.metrics)


def _training_metrics(
    task: Task, training: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    """Return the figures of a training and of the epoch that is tested; none without a training."""
    if not training:
        return {}
    tested = task.loaded
    best = {"best_epoch": tested.epochs, **training, **tested.metrics} if tested else training
    time = task.training_time
    if time is None:
        return best
    known = {} if time.was_measured else before
    return best | {key: known.get(key, getattr(time, key)) for key in _TIMES}


def _test_metrics(task: Task) -> dict[str, Any]:
    """Return the figures of the test, class by class, and of the same net on the training set."""
    summary = task.evaluation.summary() if task.evaluation else {}
    metrics = {f"test/{key}": value for key, value in summary.items()}
    if train := task.scores.get("train_eval"):
        metrics |= {f"train_eval/{key}": value for key, value in train.metrics.items()}
        metrics |= {"train_eval/classes": train.classes} if train.classes else {}
    return metrics
