"""validation_outputs.npz: what the tested net predicts for its validation samples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlp_lab.callbacks import ValidationOutputs
from mlp_lab.data import LabDataModule, Moons, Part, Samples
from mlp_lab.runs.outputs import Outputs
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer


class Filed(Moons):
    """Moons of which each sample has a file."""

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        samples = super().read(root, download=download)["train"]
        files = [f"{row}.png" for row in range(len(samples))]
        return {"train": Samples(samples.inputs, samples.labels, files)}


@pytest.fixture
def trainer(tmp_path: Path) -> Any:
    data = LabDataModule(Filed(num_samples=100), root=tmp_path, folds=4, fold=1, batch_size=7)
    data.setup("fit")
    return fake_trainer(datamodule=data, limit_val_batches=1.0)


def test_outputs_are_those_of_the_fold_with_their_files(trainer: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = ClassificationTask((2,), 2).eval()
    ValidationOutputs(tmp_path).on_test_end(trainer, task)
    found = Outputs.read(tmp_path / "validation_outputs.npz")
    fold = trainer.datamodule.subsets["val"]
    inputs, labels = fold[torch.arange(len(fold))]
    np.testing.assert_allclose(found.outputs, task(inputs).softmax(1).detach(), rtol=1e-6)
    assert found.labels.tolist() == labels.tolist()
    assert found.indices.tolist() == fold.indices.tolist()
    assert found.files is not None
    assert found.files.tolist() == [f"{row}.png" for row in fold.indices.tolist()]


def test_outputs_are_without_a_temperature_that_was_fitted_to_their_labels(
    trainer: Any, tmp_path: Path
) -> None:
    task = ClassificationTask((2,), 2, calibrate=True)
    assert task.temperature is not None
    task.temperature.fill_(3.0)
    ValidationOutputs(tmp_path).on_test_end(trainer, task)
    found = Outputs.read(tmp_path / "validation_outputs.npz")
    fold = trainer.datamodule.subsets["val"]
    inputs, _ = fold[torch.arange(len(fold))]
    logits = task.net(task.normalise(inputs)).detach()
    np.testing.assert_allclose(found.outputs, logits.softmax(1), rtol=1e-6)
    assert float(task.temperature) == 3
    assert task.training  # as it was before
    torch.testing.assert_close(task(inputs), logits / 3)


@pytest.mark.parametrize(
    "changed", [{"is_global_zero": False}, {"limit_val_batches": 1}, {"datamodule": None}]
)
def test_a_part_of_the_samples_is_not_kept(
    trainer: Any, tmp_path: Path, changed: dict[str, Any]
) -> None:
    vars(trainer).update(changed)
    ValidationOutputs(tmp_path).on_test_end(trainer, ClassificationTask((2,), 2))
    assert not (tmp_path / "validation_outputs.npz").exists()
