"""One call for the configuration, whatever the loggers."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from mlp_lab.loggers.csv import CSVLogger
from mlp_lab.settings import flatten


def log_hyperparameters(config: Mapping[str, Any], loggers: Iterable[Logger]) -> None:
    """Hand the full configuration to every logger: as text to TensorBoard, else key by key.

    metrics.csv has no place for it; config.yaml lies beside it.

    Args:
        config: The configuration in plain types.
        loggers: The run's loggers.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
            logger.experiment.add_text("config", f"```\n{text}```")
        elif not isinstance(logger, CSVLogger):
            logger.log_hyperparams(flatten(config))
