"""What is learned: the LightningModules."""

from mlp_lab.tasks.classification import ClassificationTask
from mlp_lab.tasks.optimizer import OptimizerFactory
from mlp_lab.tasks.schedule import (
    Constant,
    Cosine,
    Linear,
    MultiStepDecay,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
)
from mlp_lab.tasks.task import Task

__all__ = [
    "ClassificationTask",
    "Constant",
    "Cosine",
    "Linear",
    "MultiStepDecay",
    "OneCycle",
    "OptimizerFactory",
    "Plateau",
    "Schedule",
    "StepDecay",
    "Task",
]
