"""What is learned: the LightningModules."""

from mlp_lab.tasks.classification import ClassificationTask
from mlp_lab.tasks.schedule import (
    Constant,
    Cosine,
    Linear,
    MultiStepDecay,
    OneCycle,
    Schedule,
    StepDecay,
)
from mlp_lab.tasks.task import OptimizerFactory, Task

__all__ = [
    "ClassificationTask",
    "Constant",
    "Cosine",
    "Linear",
    "MultiStepDecay",
    "OneCycle",
    "OptimizerFactory",
    "Schedule",
    "StepDecay",
    "Task",
]
