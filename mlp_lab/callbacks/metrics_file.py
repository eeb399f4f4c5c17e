"""metrics.json: the final figures."""

import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from mlp_lab.atomic import write_json
from mlp_lab.callbacks.checkpoints import read_checkpoint
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.data import LabDataModule
from mlp_lab.errors import MLPLabWarning
from mlp_lab.metrics import precision_recall_f1
from mlp_lab.run import read_json


class MetricsFile(pl.Callback):
    """Gather the figures of training and test, and keep metrics.json up to date with them.

    Args:
        path: The file, or None to write none; entries it has already stay unless they come anew.
        stopwatch: Knows how long training took.

    Attributes:
        metrics: The figures so far.
    """

    def __init__(self, path: Path | None, stopwatch: Stopwatch | None = None) -> None:
        self.path = path
        self.stopwatch = stopwatch
        self.metrics: dict[str, Any] = read_json(path) if path else {}

    def add_training(self, trainer: pl.Trainer, data: LabDataModule, best_checkpoint: Path) -> None:
        """Take the figures of a finished training and of its best epoch."""
        assert self.stopwatch is not None
        best = read_checkpoint(best_checkpoint)
        self._add(
            {
                "best_epoch": best["epoch"] + 1,
                "epochs": trainer.current_epoch,
                "validation": data.validation_origin,
                **best["mlp_lab"]["metrics"],
                "seconds": self.stopwatch.seconds,
                "images_per_second": self.stopwatch.images_per_second,
            }
        )

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the figures of a test, class by class."""
        if not trainer.is_global_zero:
            return
        figures: dict[str, Any] = {key: float(v) for key, v in trainer.callback_metrics.items()}
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        totals = getattr(pl_module, "totals", {})
        if "confusion" in totals and isinstance(datamodule, LabDataModule):
            confusion = totals["confusion"].cpu()
            precision, recall, f1 = precision_recall_f1(confusion)
            figures["test/f1_macro"] = float(f1.mean())
            figures["test/classes"] = {
                name: {
                    "precision": float(precision[k]),
                    "recall": float(recall[k]),
                    "f1": float(f1[k]),
                    "samples": int(confusion[k].sum()),
                }
                for k, name in enumerate(datamodule.class_names)
            }
            figures["test/confusion"] = confusion.tolist()
        self._add(figures)

    def _add(self, figures: dict[str, Any]) -> None:
        self.metrics |= figures
        if self.path is None:
            return
        try:
            write_json(self.path, self.metrics)
        except OSError as error:
            warnings.warn(
                f"{str(self.path)!r} could not be written: {error.strerror}.",
                MLPLabWarning,
                stacklevel=2,
            )
