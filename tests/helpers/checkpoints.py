"""Checkpoints as a training keeps them, and what is wrong with some."""

from pathlib import Path
from typing import Any

import torch

from mlp_lab import __version__
from mlp_lab.nets import MLP
from mlp_lab.tasks import ClassificationTask


def task_of(*hidden_dims: int, **arguments: Any) -> ClassificationTask:
    def net(input_shape: tuple[int, ...], num_outputs: int) -> MLP:
        return MLP(input_shape, num_outputs, list(hidden_dims))

    return ClassificationTask((2,), 2, net=net, **arguments)


def write_checkpoint(path: Path, task: ClassificationTask, **changes: Any) -> Path:
    """Write what a training of a task keeps."""
    checkpoint = {
        "state_dict": task.state_dict(),
        "mlp_lab": {"version": __version__, "config": {}, "metrics": {"val/acc": 0.5}},
        "epoch": 2,
        "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 3}}}},
        "optimizer_states": [{}],
        "lr_schedulers": [],
        "callbacks": {"BestCheckpoint": {"a": 1}, "LastCheckpoint": {"a": 1}},
    }
    torch.save(checkpoint | changes, path)
    return path
