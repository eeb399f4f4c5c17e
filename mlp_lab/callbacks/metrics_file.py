"""metrics.json: the final figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlp_lab.atomic import write_json
from mlp_lab.callbacks.checkpoints import read_checkpoint
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.data import LabDataModule
from mlp_lab.evaluation import (
    Calibration,
    Curves,
    calibrate,
    outputs_of,
    precision_recall_curves,
    roc_curves,
    totals_of,
)
from mlp_lab.metrics import precision_recall_f1
from mlp_lab.run import read_json
from mlp_lab.runs.results import Results
from mlp_lab.tasks import ClassesTask, Task


def _class_scores(confusion: Tensor, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and the number of samples of each class."""
    scores = torch.stack(precision_recall_f1(confusion.cpu()), 1).tolist()
    return {
        name: dict(zip(("precision", "recall", "f1"), row, strict=True)) | {"samples": samples}
        for name, row, samples in zip(names, scores, confusion.sum(1).tolist(), strict=True)
    }


class MetricsFile(pl.Callback):
    """Gather the figures of training and test, and keep metrics.json up to date with them.

    Args:
        results: Knows where the file goes; None to write none. Entries that are there already stay
            unless they come anew.
        stopwatch: Knows how long training took.

    Attributes:
        path: The file, where one is written.
        metrics: The figures so far.
        outputs: The net's outputs for the whole test set ``(N, K)``, after a test of all of it.
        roc: ROC curves of the classes, and averages over them.
        precision_recall: Precision-recall curves and averages.
        calibration: How sure the net is and how often right.
    """

    def __init__(self, results: Results | None, stopwatch: Stopwatch | None = None) -> None:
        self.results = results
        self.path = results.directory / "metrics.json" if results else None
        self.stopwatch = stopwatch
        self.metrics: dict[str, Any] = read_json(self.path) if self.path else {}
        self.outputs: Tensor | None = None
        self.roc: Curves | None = None
        self.precision_recall: Curves | None = None
        self.calibration: Calibration | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Score the net on the test set as it begins; what it says then chooses nothing."""
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        resumes = trainer.ckpt_path is not None
        if resumes or not trainer.is_global_zero or not isinstance(datamodule, LabDataModule):
            return
        if not _is_all(trainer.limit_test_batches):
            return
        assert isinstance(pl_module, Task)
        test = datamodule.subsets["test"]
        totals = totals_of(pl_module, test, datamodule.batch_size)
        before: dict[str, Any] = {k: float(v) for k, v in pl_module.metrics_of(totals).items()}
        if "confusion" in totals:
            before["confusion"] = totals["confusion"].tolist()
        self._add({"test_before": before})

    def add_training(self, trainer: pl.Trainer, data: LabDataModule, best_checkpoint: Path) -> None:
        """Take the figures of a finished training and of its best epoch."""
        assert self.stopwatch is not None
        best = read_checkpoint(best_checkpoint)
        figures: dict[str, Any] = {
            "best_epoch": best["epoch"] + 1,
            "epochs": trainer.current_epoch,
            "validation": data.validation_origin,
            **best["mlp_lab"]["metrics"],
        }
        if self.stopwatch.has_run or "seconds" not in self.metrics:
            figures["seconds"] = self.stopwatch.seconds
            figures["images_per_second"] = self.stopwatch.images_per_second
        self._add(figures)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the figures of a test, class by class."""
        if not trainer.is_global_zero:
            return
        figures: dict[str, Any] = {key: float(v) for key, v in trainer.callback_metrics.items()}
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        totals = getattr(pl_module, "totals", {})
        if "confusion" in totals and isinstance(datamodule, LabDataModule):
            classes = _class_scores(totals["confusion"], datamodule.class_names)
            figures["test/f1_macro"] = fmean(scores["f1"] for scores in classes.values())
            figures["test/classes"] = classes
            figures["test/confusion"] = totals["confusion"].tolist()
        if isinstance(pl_module, Task) and isinstance(datamodule, LabDataModule):
            if _is_all(trainer.limit_test_batches):
                figures |= self._look_closer(pl_module, datamodule, figures)
            if self.stopwatch is not None and _is_all(trainer.limit_train_batches):
                train = datamodule.subsets["train"]
                totals = totals_of(pl_module, train, datamodule.batch_size)
                for key, value in pl_module.metrics_of(totals).items():
                    figures[f"train_eval/{key}"] = float(value)
                if "confusion" in totals:
                    classes = _class_scores(totals["confusion"], datamodule.class_names)
                    figures["train_eval/classes"] = classes
        self._add(figures)

    def _look_closer(
        self, task: Task, data: LabDataModule, figures: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what takes all outputs to be known: areas below curves, and calibration."""
        test = data.subsets["test"]
        self.outputs = outputs_of(task, test, data.batch_size)
        if not isinstance(task, ClassesTask):
            return {}
        probabilities = task.probabilities(self.outputs)
        self.roc = roc_curves(probabilities, test.labels, data.class_names)
        self.precision_recall = precision_recall_curves(
            probabilities, test.labels, data.class_names
        )
        self.calibration = calibrate(probabilities, test.labels)
        closer: dict[str, Any] = {
            "test/ece": self.calibration.error,
            "test/reliability": {
                "samples": self.calibration.counts.tolist(),
                "confidence": self.calibration.confidence.tolist(),
                "accuracy": self.calibration.accuracy.tolist(),
            },
        }
        for key, (curves, averages) in (
            ("roc_auc", self.roc),
            ("average_precision", self.precision_recall),
        ):
            for name, curve in curves.items():
                figures["test/classes"][name][key] = curve.area
            for name, curve in averages.items():
                closer[f"test/{key}_{name.split()[0]}"] = curve.area
        return closer

    def _add(self, figures: dict[str, Any]) -> None:
        self.metrics |= figures
        if self.results and self.path:
            with self.results.making(self.path):
                write_json(self.path, self.metrics)


def _is_all(limit: float) -> bool:
    """Whether a limit of the trainer leaves all batches in: 1.0 is all of them, 1 is one."""
    return type(limit) is float and limit == 1.0
