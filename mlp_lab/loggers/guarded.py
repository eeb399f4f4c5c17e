"""Any Lightning logger behind the guard, with the calls that Lightning's loggers do not share."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image
from torch import nn

from mlp_lab.loggers.run_logger import COUNTERS, Row, RunLogger, Tracker
from mlp_lab.runs.config import flatten


class GuardedLogger(Tracker):
    """Pass every call on to a Lightning logger, until it fails.

    Args:
        logger: The logger; TensorBoard and W&B take figures, any takes metrics and settings.
    """

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self.logger = logger

    @property
    def name(self) -> str:
        """The logger's class."""
        return type(self.logger).__name__

    @property
    def save_dir(self) -> str | None:
        """The directory that the logger writes to."""
        return self.logger.save_dir

    @property
    def experiment(self) -> Any:
        """The logger's own client; None once it has failed."""
        return self._guard(lambda: getattr(self.logger, "experiment", None))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pass metrics from Lightning on as they are: they are no rows, and counted from 0."""
        self._guard(lambda: self.logger.log_metrics(dict(metrics), step))

    @rank_zero_only
    def log_graph(self, model: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Log the net's graph."""
        self._guard(lambda: self.logger.log_graph(model, *args, **kwargs))

    def _log_rows(self, rows: Sequence[Row], every: int) -> None:
        for row in rows:
            step = int(row["step"])
            if every and step % every == 0:
                metrics = {k: v for k, v in row.items() if k not in COUNTERS}
                self.logger.log_metrics(metrics, step - 1)  # Lightning counts steps from 0

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        if isinstance(self.logger, TensorBoardLogger):
            text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
            self.logger.experiment.add_text("config", f"```\n{text}```")
        else:
            self.logger.log_hyperparams(flatten(settings))

    def _log_figure(self, name: str, path: Path, step: int) -> None:
        if isinstance(self.logger, TensorBoardLogger):
            self._log_png(self.logger.experiment, f"plots/{name}", path.read_bytes(), step)
        elif isinstance(self.logger, WandbLogger):
            self.logger.log_image(f"plots/{name}", [str(path)], step)

    def _log_png(self, writer: Any, tag: str, png: bytes, step: int) -> None:
        """Log a PNG as it is; ``add_image`` would encode its pixels anew."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with Image.open(io.BytesIO(png)) as image:
            width, height, channels = *image.size, len(image.getbands())
        image_of = {"width": width, "height": height, "colorspace": channels}
        value = Summary.Value(tag=tag, image=Summary.Image(**image_of, encoded_image_string=png))
        writer._get_file_writer().add_summary(Summary(value=[value]), step)

    def _log_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self.logger.after_save_checkpoint(checkpoint)

    def _flush(self) -> None:
        self.logger.save()

    def _finalize(self, status: str) -> None:
        self.logger.finalize(status)


def run_loggers(loggers: Iterable[Logger]) -> list[RunLogger]:
    """Return loggers of any kind as RunLoggers, others guarded."""
    return [
        logger if isinstance(logger, RunLogger) else GuardedLogger(logger) for logger in loggers
    ]
