"""One call for a figure, whatever the loggers."""

import warnings
from collections.abc import Iterable
from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from matplotlib.figure import Figure

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers.neptune import NeptuneLogger
from mlp_lab.plots import write_figure


def log_figure(
    name: str, figure: Figure, plots_dir: Path, loggers: Iterable[Logger], step: int
) -> None:
    """Write a figure to ``plots_dir/NAME.png``, and to every logger that takes one.

    A logger that fails is a warning: figures are never worth a training.

    Args:
        name: What the figure is called.
        figure: The figure.
        plots_dir: Directory of the run's figures.
        loggers: The run's loggers.
        step: Training steps done so far.

    Raises:
        WriteError: The file could not be written.
    """
    path = plots_dir / f"{name}.png"
    pixels = write_figure(figure, path)
    for logger in loggers:
        try:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"plots/{name}", pixels, step, dataformats="HWC")
            elif isinstance(logger, NeptuneLogger):
                logger.log_figure(name, path)
        except Exception as error:  # a logger's service may fail in any way
            warnings.warn(
                f"{type(logger).__name__} did not take the figure {name}: {error}.",
                MLPLabWarning,
                stacklevel=2,
            )
