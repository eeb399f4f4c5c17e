"""predictions.csv: what the net predicts for every sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from mlp_lab.data import LabDataModule
from mlp_lab.runs.predictions_csv import (
    class_columns,
    place_columns,
    target_columns,
    write_columns,
)


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
        outputs = torch.cat(list(predictions)).cpu().double().numpy()
        # A limit may leave some out.
        samples = datamodule.predict_subset().at(torch.arange(len(outputs)))
        labels = samples.labels.numpy()
        if datamodule.num_targets:
            columns = target_columns(outputs, labels)
        else:
            columns = class_columns(outputs, labels, datamodule.class_names)
        places = place_columns(samples.indices.tolist(), samples.files)
        write_columns(self.path, places + columns)
