"""predictions.csv: what the net says of every sample."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from mlp_lab.atomic import replacing
from mlp_lab.data import LabDataModule, SampleSubset


class PredictionsFile(BasePredictionWriter):
    """Write a row for each sample: index, label, predicted class, confidence, all probabilities.

    The index is the sample's place in its part of the source; label and prediction are class names.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(write_interval="epoch")
        self.path = path

    def write_on_epoch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        predictions: Sequence[Tensor],
        batch_indices: Sequence[Any],
    ) -> None:
        """Write all rows at once."""
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        assert isinstance(datamodule, LabDataModule)
        write_predictions(
            self.path,
            torch.cat(list(predictions)),
            datamodule.predict_subset(),
            datamodule.class_names,
        )


def write_predictions(
    path: Path, probabilities: Tensor, samples: SampleSubset, class_names: Sequence[str]
) -> None:
    """Write the table of predictions, whole or not at all.

    Shape:
        probabilities ``(N, K)``, in the order of ``samples``.
    """
    confidence, predicted = probabilities.max(1)
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["index", "label", "predicted", "confidence", *class_names])
        writer.writerows(
            [
                row,
                class_names[label],
                class_names[guess],
                f"{sure:.6f}",
                *(f"{p:.6f}" for p in each),
            ]
            for row, label, guess, sure, each in zip(
                samples.indices.tolist(),
                samples.labels.tolist(),
                predicted.tolist(),
                confidence.tolist(),
                probabilities.tolist(),
                strict=True,
            )
        )
