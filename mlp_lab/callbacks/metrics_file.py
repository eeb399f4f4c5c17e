"""metrics.json: the final figures."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from mlp_lab.callbacks.checkpoints import find_checkpoint_to_test
from mlp_lab.callbacks.extra_scores import TrainingSetScores, UntrainedScores
from mlp_lab.callbacks.learning_rate_search import LearningRateSearch
from mlp_lab.callbacks.result import ResultCallback, add_callbacks, find_data
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.data import LabDataModule
from mlp_lab.errors import warn_deprecated
from mlp_lab.files.atomic import write_json
from mlp_lab.loggers.run_logger import COUNTERS
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.run import read_json
from mlp_lab.tasks import Task

_TIMES = ("seconds", "images_per_second")


class MetricsFile(ResultCallback):
    """Keep metrics.json up to date; what a test finds replaces all that an earlier one found.

    Args:
        directory: Where metrics.json goes.
        stopwatch: Of version 0.1, and removed in 0.3, as are a file or None for the directory.
        path: The file, as version 0.1 called it.
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        stopwatch: Stopwatch | None = None,
        *,
        path: str | Path | None = None,
    ) -> None:
        self._helpers: list[pl.Callback] = []  # what scored the net in version 0.1
        self.path: Path | None
        if directory is not None and stopwatch is None and Path(directory).suffix != ".json":
            self.path = Path(directory) / "metrics.json"
        else:
            warn_deprecated("MetricsFile(path, stopwatch)", "MetricsFile(directory)")
            file = directory if directory is not None else path
            self.path = None if file is None else Path(file)
            self._helpers += [UntrainedScores(self.path.parent)] if self.path else []
            self._helpers += [TrainingSetScores()] if stopwatch else []
        super().__init__(self.path.parent if self.path else ".")
        self.metrics: dict[str, Any] = read_json(self.path) if self.path else {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the trainer what scored the net in version 0.1."""
        add_callbacks(trainer, self._helpers)

    def add_training(self, trainer: pl.Trainer, data: LabDataModule, best_checkpoint: Path) -> None:
        """Write the figures of a training, which is done by itself where it is this package's."""
        warn_deprecated("MetricsFile.add_training", "BestCheckpoint, and leave the call out")
        self._add_training(trainer, trainer.lightning_module, Path(best_checkpoint))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the scores of the untrained net, where they were just measured."""
        scores = getattr(pl_module, "scores", {}).get("test_before")
        if scores and trainer.ckpt_path is None:
            self._add(trainer, {"test_before": scores.plain()})

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the figures of a training and of its best epoch."""
        if stage == "fit" and (best := find_checkpoint_to_test(trainer)):
            self._add_training(trainer, pl_module, best)

    def _add_training(self, trainer: pl.Trainer, pl_module: pl.LightningModule, best: Path) -> None:
        checkpoint, data = read_checkpoint(best), find_data(trainer)
        training = {
            "best_epoch": checkpoint["epoch"] + 1,
            "epochs": trainer.current_epoch,
            **({"validation": data.validation_origin} if data else {}),
            **checkpoint["mlp_lab"]["metrics"],
        }
        searches = (c for c in trainer.callbacks if isinstance(c, LearningRateSearch))  # type: ignore[attr-defined]  # set by a connector
        for search in searches:
            training["learning_rate"] = search.learning_rate
        time = getattr(pl_module, "training_time", None)
        if time and (time.was_measured or "seconds" not in self.metrics):
            training |= {key: getattr(time, key) for key in _TIMES}
        self._add(trainer, training)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the figures of the test."""
        assert isinstance(pl_module, Task)
        self.metrics = {k: v for k, v in self.metrics.items() if not k.startswith("test/")}
        logged = {k: float(v) for k, v in trainer.callback_metrics.items() if k not in COUNTERS}
        self._add(trainer, logged | _test_metrics(pl_module))

    def _add(self, trainer: pl.Trainer, metrics: dict[str, Any]) -> None:
        self.metrics |= metrics
        if trainer.is_global_zero and self.path:
            with self.results.making(self.path):
                write_json(self.path, self.metrics)


def _test_metrics(task: Task) -> dict[str, Any]:
    """Return the figures of the test, class by class, and of the same net on the training set."""
    summary = task.evaluation.summary() if task.evaluation else {}
    metrics = {f"test/{key}": value for key, value in summary.items()}
    if train := task.scores.get("train_eval"):
        metrics |= {f"train_eval/{key}": value for key, value in train.metrics.items()}
        metrics |= {"train_eval/classes": train.classes} if train.classes else {}
    return metrics
