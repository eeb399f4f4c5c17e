"""Where metrics go."""

from mlp_lab.loggers.csv import CSVLogger
from mlp_lab.loggers.figures import log_figure
from mlp_lab.loggers.guarded import GuardedLogger, run_loggers
from mlp_lab.loggers.mlflow import MLflowTracker
from mlp_lab.loggers.neptune import NeptuneLogger
from mlp_lab.loggers.run_logger import RunLogger, Tracker
from mlp_lab.loggers.tensorboard import TensorBoardEvents
from mlp_lab.loggers.wandb import WandbTracker

__all__ = [
    "CSVLogger",
    "GuardedLogger",
    "MLflowTracker",
    "NeptuneLogger",
    "RunLogger",
    "TensorBoardEvents",
    "Tracker",
    "WandbTracker",
    "log_figure",
    "run_loggers",
]
