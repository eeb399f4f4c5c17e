"""predictions.csv: what the net predicts for every sample."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from mlp_lab.data import LabDataModule, SampleSubset
from mlp_lab.inference.table import PredictionTable


class PredictionsFile(BasePredictionWriter):
    """Write a row for each sample: its place, its label, and what the net predicts.

    The place is the sample's index in its part of the source, and its file where it has its own;
    the columns are those of ``mlp_lab.inference.table.PredictionTable``.

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
        write_predictions(self.path, samples, outputs, datamodule.class_names)


def write_predictions(
    path: Path, samples: SampleSubset, outputs: Tensor, class_names: Sequence[str]
) -> None:
    """Write a table of what was predicted for samples, in their order, whole or not at all.

    Args:
        path: The file.
        samples: The samples; their labels are -1, or NaN, where not known.
        outputs: The probability of each class, or the predicted targets.
        class_names: The classes; none for regression.

    Shape:
        outputs ``(N, K)`` or ``(N, T)``.
    """
    indices, files = samples.indices.tolist(), samples.files
    places = zip(indices) if files is None else zip(indices, files, strict=True)
    table = PredictionTable(class_names, outputs.shape[1], has_files=files is not None)
    rows = table.rows(places, outputs.float().cpu().numpy(), samples.labels.cpu().numpy())
    table.write(path, rows)
