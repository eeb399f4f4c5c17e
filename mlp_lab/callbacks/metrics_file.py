"""metrics.json: the final figures."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from mlp_lab.callbacks.checkpoints import find_checkpoint_to_test
from mlp_lab.callbacks.extra_scores import TrainingSetScores, UntrainedScores
from mlp_lab.callbacks.learning_rate_search import LearningRateSearch
from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.callbacks.stopwatch import Stopwatch
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
        stopwatch: Of version 0.1, as are a file or None in place of the directory.
        path: The file, of version 0.1.
    """

    def __init__(
        self,
        directory: str | Path | None = None,
        stopwatch: Stopwatch | None = None,
        *,
        path: str | Path | None = None,
    ) -> None:
        file = Path(directory or path or "metrics.json")
        is_of_0_1 = directory is None or file.suffix == ".json"
        self._not_added: list[pl.Callback] = []
        if is_of_0_1:
            warn_deprecated("MetricsFile(path, stopwatch)", "MetricsFile(directory)")
            self._not_added = [UntrainedScores(file.parent)]
            self._not_added += [TrainingSetScores()] if stopwatch else []
        else:
            file /= "metrics.json"
        super().__init__(file.parent)
        self.path = file if directory or path else None
        self.metrics: dict[str, Any] = read_json(self.path) if self.path else {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the trainer what scored the net in version 0.1."""
        trainer.callbacks.extend(self._not_added)  # type: ignore[attr-defined]  # set by a connector
        self._not_added = []

    def add_training(self, *_: object) -> None:
        """Do nothing: what version 0.1 had to be told is found where it is."""
        warn_deprecated("MetricsFile.add_training", "nothing, it is no longer needed")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the scores of the untrained net, where they were just measured."""
        scores = getattr(pl_module, "scores", {}).get("test_before")
        if scores and trainer.ckpt_path is None:
            self._add(trainer, {"test_before": scores.plain()})

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the figures of a training and of its best epoch."""
        best, data = find_checkpoint_to_test(trainer), find_data(trainer)
        if stage != "fit" or best is None:
            return
        checkpoint = read_checkpoint(best)
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
