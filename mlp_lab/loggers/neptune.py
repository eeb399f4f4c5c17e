"""Neptune, into files beside the run unless a server is named."""

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.errors import MissingExtraError
from mlp_lab.loggers.run_logger import Row, Tracker, columns_of
from mlp_lab.runs.config import flatten

# Where the client keeps what it has not sent; it asks the environment alone.
_DIRECTORY_VARIABLE = "NEPTUNE_DATA_DIRECTORY"


class NeptuneLogger(Tracker):
    """Log metrics of every step, settings, figures and the best checkpoint's path with Neptune.

    The hosted service is closed, so by default everything goes to ``neptune/offline`` in the run
    directory, as the client's own JSON lines. A server of one's own is reached with a mode other
    than ``offline``; its token is taken from the environment (NEPTUNE_API_TOKEN) and written
    nowhere. What the client cannot do is one warning, and the training goes on without it.

    Args:
        project: ``workspace/name``, for a server.
        mode: ``offline``; or ``async`` or ``sync`` for a server.
    """

    def __init__(
        self,
        project: str | None = None,
        mode: Literal["offline", "async", "sync"] = "offline",
    ) -> None:
        super().__init__()
        self.project = project
        self.mode = mode
        self._neptune_run: Any = None

    @property
    def name(self) -> str:
        """What it is."""
        return "Neptune"

    def _take_rows(self, rows: Sequence[Row], every: int) -> None:
        for key, (values, steps) in columns_of(rows).items():
            self._opened[key].extend(values, steps=steps)

    def _take_settings(self, settings: Mapping[str, Any]) -> None:
        values = {key: str(value) for key, value in flatten(settings).items()}
        self._opened["parameters"].assign(values)
        if self._run is not None:
            self._opened["config"].upload(str(self._run.config_path))

    def _take_figure(self, name: str, path: Path, step: int) -> None:
        self._opened[f"plots/{name}"].upload(str(path))

    def _take_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self._opened["checkpoints/best"].assign(checkpoint.best_model_path)

    def _flush(self) -> None:
        self._opened.wait(disk_only=True)

    def _end(self, status: str) -> None:
        self._flush()  # a test still comes after the training

    @rank_zero_only
    def close(self) -> None:
        """Let go of files and threads."""
        if self._neptune_run is not None:
            self._do(self._neptune_run.stop)
            self._neptune_run = None

    @property
    def _opened(self) -> Any:
        if self._neptune_run is None:
            self._neptune_run = self._open()
        return self._neptune_run

    def _open(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
                import neptune
        except ImportError as error:
            raise MissingExtraError("it needs pip install 'mlp_lab[neptune]'.") from error
        logging.getLogger("neptune").setLevel(logging.WARNING)  # it would have the last word
        before = os.environ.get(_DIRECTORY_VARIABLE)
        experiment = None
        if self._run is not None:
            os.environ[_DIRECTORY_VARIABLE] = str(self._run.dir / "neptune")
            experiment = self._run.name
        try:
            return neptune.init_run(
                project=self.project,
                mode=self.mode,
                name=experiment,
                source_files=[],
                git_ref=False,  # the manifest says it
                capture_stdout=False,
                capture_stderr=False,
                capture_hardware_metrics=False,
                capture_traceback=False,
            )
        finally:
            if before is None:
                os.environ.pop(_DIRECTORY_VARIABLE, None)
            else:
                os.environ[_DIRECTORY_VARIABLE] = before
