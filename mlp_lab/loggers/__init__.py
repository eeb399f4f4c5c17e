"""Where metrics go."""

from mlp_lab.loggers.csv import CSVLogger
from mlp_lab.loggers.figures import log_figure
from mlp_lab.loggers.hyperparameters import log_hyperparameters
from mlp_lab.loggers.neptune import NeptuneLogger
from mlp_lab.loggers.tensorboard import TensorBoardEvents

__all__ = [
    "CSVLogger",
    "NeptuneLogger",
    "TensorBoardEvents",
    "log_figure",
    "log_hyperparameters",
]
