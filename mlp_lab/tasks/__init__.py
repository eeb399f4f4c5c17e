"""What is learned: the LightningModules."""

from mlp_lab.tasks.classification import ClassificationTask
from mlp_lab.tasks.task import OptimizerFactory, Task

__all__ = ["ClassificationTask", "OptimizerFactory", "Task"]
