"""Scores beside those of validation and test: before training, and on the training set."""

from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlp_lab.callbacks.result import find_data
from mlp_lab.data import Part, SampleSubset
from mlp_lab.evaluation.evaluation import Scores
from mlp_lab.runs.run import read_json
from mlp_lab.tasks import Task
from mlp_lab.tasks.forward import forward_samples
from mlp_lab.tasks.scoring import ScoredOn, add_totals, is_whole


class UntrainedScores(pl.Callback):
    """Score the net on the test set before it is trained; that chooses nothing.

    A resumed run has lost that net, so its scores are those in its metrics.json.

    Args:
        directory: Where metrics.json lies.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the scores on the task."""
        if trainer.ckpt_path is None:
            _score(trainer, pl_module, "test_before", "test", trainer.limit_test_batches)
            return
        data = find_data(trainer)
        before = read_json(self.directory / "metrics.json").get("test_before", {})
        if data and isinstance(pl_module, Task) and "confusion" in before:
            confusion = torch.tensor(before.pop("confusion"))
            pl_module.scores["test_before"] = Scores(before, data.class_names, confusion)


class TrainingSetScores(pl.Callback):
    """Score the tested net on the training set, without augmentation or dropout."""

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the scores on the task."""
        _score(trainer, pl_module, "train_eval", "train", trainer.limit_train_batches)


def _score(
    trainer: pl.Trainer, pl_module: pl.LightningModule, key: ScoredOn, part: Part, limit: float
) -> None:
    data = find_data(trainer)
    if trainer.is_global_zero and is_whole(limit) and data and isinstance(pl_module, Task):
        pl_module.scores[key] = score_samples(pl_module, data.subsets[part], data.batch_size)


def score_samples(task: Task, samples: SampleSubset, batch_size: int) -> Scores:
    """Score samples beside any loop, without augmentation or dropout."""
    totals: dict[str, Tensor] = {}
    for outputs, labels in forward_samples(task, samples, batch_size):
        add_totals(totals, task.batch_totals(outputs, labels))
    return task.scores_of(totals)
