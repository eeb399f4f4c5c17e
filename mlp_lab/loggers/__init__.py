"""Where metrics go."""

from mlp_lab.loggers.csv import CSVLogger
from mlp_lab.loggers.figures import log_figure
from mlp_lab.loggers.tensorboard import TensorBoardEvents

__all__ = ["CSVLogger", "TensorBoardEvents", "log_figure"]
