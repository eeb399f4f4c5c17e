"""Tasks: LightningModules with their losses, optimisers and schedules."""

from mlp_lab.tasks.binary import BinaryTask
from mlp_lab.tasks.classes import ClassesTask
from mlp_lab.tasks.classification import ClassificationTask
from mlp_lab.tasks.loss import LossFactory
from mlp_lab.tasks.optimizer import OptimizerFactory
from mlp_lab.tasks.regression import RegressionTask
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
    "BinaryTask",
    "ClassesTask",
    "ClassificationTask",
    "Constant",
    "Cosine",
    "Linear",
    "LossFactory",
    "MultiStepDecay",
    "OneCycle",
    "OptimizerFactory",
    "Plateau",
    "RegressionTask",
    "Schedule",
    "StepDecay",
    "Task",
]
