"""The description of a trained net, for every model file, and samples to check the file with."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from mlp_lab import __version__
from mlp_lab.data import LabDataModule
from mlp_lab.inference import ModelInfo
from mlp_lab.nets import TableEncoding
from mlp_lab.tables import Column
from mlp_lab.tasks import Task

NUM_CHECKED = 256
"""Number of real samples on which a model file must agree with the net."""


def describe_model(
    task: Task, data: LabDataModule, run: str, metrics: Mapping[str, object]
) -> ModelInfo:
    """Describe a task's trained net, with those metrics that are of validation or test."""
    return ModelInfo(
        net=task.net.describe(),
        input_shape=task.input_shape,
        input_type="uint8" if data.samples[0].inputs.dtype == torch.uint8 else "float32",
        num_outputs=task.net.num_outputs,
        head=task.head,
        class_names=tuple(data.class_names),
        mean=tuple(task.mean.flatten().tolist()),
        std=tuple(task.std.flatten().tolist()),
        run=run,
        metrics=scores_only(metrics_of_model(task, metrics)),
        mlp_lab=__version__,
        columns=tuple(Column.from_plain(column) for column in task.columns or ()),
        encoding=asdict(task.encoding or TableEncoding()) if task.columns else {},
        target=data.source.target,
        dialect=dict(data.source.dialect),
    )


def metrics_of_model(task: Task, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the validation loss of a calibrated task: it is of the logits before."""
    stale = () if task.fitted_temperature is None else ("val/loss",)
    return {key: value for key, value in metrics.items() if key not in stale}


def scores_only(metrics: Mapping[str, object]) -> dict[str, float]:
    """Return those metrics that are numbers of validation or test."""
    return {
        key: float(value)
        for key, value in metrics.items()
        if key.startswith(("val/", "test/")) and isinstance(value, int | float)
    }


def samples_to_check(data: LabDataModule) -> Tensor:
    """Return the first test samples, in the type that the model takes."""
    test = data.subsets["test"]
    samples = test[torch.arange(min(NUM_CHECKED, len(test)))][0]
    return samples if samples.dtype == torch.uint8 else samples.float()
