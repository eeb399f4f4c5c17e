"""Nets and tasks of every kind."""

from functools import partial
from typing import Any

import torch

from mlp_lab.data import Digits, LabDataModule, Line, Moons
from mlp_lab.nets import CNN, MLP, ResNet
from mlp_lab.tasks import BinaryTask, ClassificationTask, RegressionTask, Task

CASES: dict[str, tuple[Any, Any, Any]] = {
    "linear": (Digits, ClassificationTask, partial(MLP, hidden_dims=[])),
    "mlp": (
        Digits,
        ClassificationTask,
        partial(MLP, hidden_dims=[20, 20], batch_norm="after", dropout=0.3, residual=True),
    ),
    "activations": (
        Digits,
        ClassificationTask,
        partial(MLP, hidden_dims=[9] * 4, activation=["GELU", "Tanh", "SELU", "LeakyReLU"]),
    ),
    "cnn": (Digits, ClassificationTask, partial(CNN, channels=[4, 8])),
    "resnet": (Digits, ClassificationTask, partial(ResNet, width=4, blocks=(1, 1))),
    "binary": (Moons, BinaryTask, partial(MLP, hidden_dims=[8])),
    "regression": (Line, RegressionTask, partial(MLP, hidden_dims=[8])),
}


def make(case: str) -> tuple[Task, LabDataModule]:
    """Return a task that has seen one epoch, so that all its buffers have values of their own."""
    source, task_class, net = CASES[case]
    torch.manual_seed(0)
    data = LabDataModule(source(), batch_size=32)
    data.setup("fit")
    task: Task = task_class(data.input_shape, data.num_targets or data.num_classes, net=net)
    task.take_statistics(data)
    task.train()(
        data.subsets["train"][torch.arange(32)][0]
    )  # sets the averages of batch normalisation
    return task.eval(), data
