"""Neptune, into files beside the run unless a server is named."""

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.loggers.run_logger import Row, Tracker, import_client, series_by_metric
from mlp_lab.runs.config import flatten

# Where the client keeps what it has not sent; it can be set by the environment alone.
_DIRECTORY_VARIABLE = "NEPTUNE_DATA_DIRECTORY"


class NeptuneLogger(Tracker):
    """Log metrics of every step, settings, figures and the best checkpoint's path with Neptune.

    The hosted service is closed, so by default everything goes to ``neptune/offline`` in the run
    directory, as the client's own JSON lines. A server of one's own is reached with a mode other
    than ``offline``; its token is taken from the environment (NEPTUNE_API_TOKEN) and written
    nowhere. If the client fails, there is one warning, and the training goes on without it.

    Args:
        project: ``workspace/name``, for a server.
        mode: ``offline``; or ``async`` or ``sync`` for a server.
    """

    name = "Neptune"

    def __init__(
        self,
        project: str | None = None,
        mode: Literal["offline", "async", "sync"] = "offline",
    ) -> None:
        super().__init__()
        self.project = project
        self.mode = mode

    def _log_rows(self, rows: Sequence[Row], every: int) -> None:
        for key, (values, steps) in series_by_metric(rows).items():
            self._client[key].extend(values, steps=steps)

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        values = {key: str(value) for key, value in flatten(settings).items()}
        self._client["parameters"].assign(values)
        if self._run is not None:
            self._client["config"].upload(str(self._run.config_path))

    def _log_figure(self, name: str, path: Path, step: int) -> None:
        self._client[f"plots/{name}"].upload(str(path))

    def _log_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self._client["checkpoints/best"].assign(checkpoint.best_model_path)

    def _flush(self) -> None:
        self._client.wait(disk_only=True)

    def _finalize(self, status: str) -> None:
        self._flush()  # not closed: a test may follow the training

    @rank_zero_only
    def close(self) -> None:
        """Release files and threads."""
        if "_client" in vars(self):  # it was opened
            self._guard(self._client.stop)
            del self._client

    @cached_property
    def _client(self) -> Any:
        neptune = import_client("neptune")
        logging.getLogger("neptune").setLevel(logging.WARNING)  # it prints after the last line
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
                git_ref=False,  # the manifest has it
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
