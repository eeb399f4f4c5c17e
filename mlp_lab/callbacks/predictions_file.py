"""predictions.csv: what the net predicts for every sample."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from mlp_lab.data import LabDataModule, SampleSubset
from mlp_lab.files.atomic import replacing
from mlp_lab.files.plain_text import as_cell


class PredictionsFile(BasePredictionWriter):
    """Write a row for each sample: its place, its label, and what the net predicts.

    The place is the sample's index in its part of the source, and its file where it has its own.
    Of classes the label and the predicted class are names, confidence is the probability of the
    predicted one, and the probabilities of all follow; of targets all of them are written.

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
        outputs = torch.cat(list(predictions))
        samples = datamodule.predict_subset()
        samples = samples.at(torch.arange(len(outputs)))  # a limit may leave some out
        if datamodule.num_targets:
            columns = target_columns(outputs, samples.labels)
        else:
            columns = class_columns(outputs, samples.labels, datamodule.class_names)
        write_predictions(self.path, samples, columns)


Columns = list[tuple[str, Iterable[object]]]
"""Heads and contents of a table; two columns may have one head: a class may be called index."""


def class_columns(probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> Columns:
    """Return the columns of classes.

    Shape:
        probabilities ``(N, K)``; labels ``(N,)``, -1 where the class is not known.
    """
    confidence, predicted = probabilities.max(1)
    return [
        ("label", [class_names[label] if label >= 0 else "" for label in labels.tolist()]),
        ("predicted", [class_names[guess] for guess in predicted.tolist()]),
        ("confidence", _six_digits(confidence)),
        *((name, _six_digits(p)) for name, p in zip(class_names, probabilities.T, strict=True)),
    ]


def target_columns(outputs: Tensor, targets: Tensor) -> Columns:
    """Return the columns of targets and their predictions, ``(N, T)`` each."""
    columns: Columns = []
    for number in range(outputs.shape[1]):
        which = f"_{number + 1}" if outputs.shape[1] > 1 else ""
        columns.append((f"target{which}", _six_digits(targets[:, number])))
        columns.append((f"predicted{which}", _six_digits(outputs[:, number])))
    return columns


def write_predictions(path: Path, samples: SampleSubset, columns: Columns) -> None:
    """Write a table of what was predicted for samples, in their order, whole or not at all."""
    rows = samples.indices.tolist()
    table: Columns = [("index", rows), *columns]
    if samples.samples.files is not None:
        table.insert(1, ("file", [samples.samples.files[row] for row in rows]))
    with (
        replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([as_cell(head) for head, _ in table])
        rows_ = zip(*(values for _, values in table), strict=True)
        writer.writerows([as_cell(value) for value in row] for row in rows_)


def _six_digits(values: Tensor) -> list[str]:
    return ["" if math.isnan(value) else f"{value:.6f}" for value in values.tolist()]
