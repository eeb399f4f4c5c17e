"""One call for a figure, for all kinds of loggers."""

from collections.abc import Iterable
from pathlib import Path

from lightning.pytorch.loggers import Logger
from matplotlib.figure import Figure

from mlp_lab.loggers.guarded import run_loggers
from mlp_lab.plots import write_figure


def log_figure(
    name: str, figure: Figure, plots_dir: Path, loggers: Iterable[Logger], step: int
) -> None:
    """Write a figure to ``plots_dir/NAME.png``, and to every logger that takes one.

    Args:
        name: Name of the figure.
        figure: The figure.
        plots_dir: Directory of the run's figures.
        loggers: The run's loggers.
        step: Number of training steps done so far.

    Raises:
        WriteError: The file could not be written.
    """
    path = plots_dir / f"{name}.png"
    write_figure(figure, path)
    for logger in run_loggers(loggers):
        logger.log_figure(name, path, step)
