"""Where metrics go."""

from mlp_lab.loggers.csv import CSVLogger

__all__ = ["CSVLogger"]
