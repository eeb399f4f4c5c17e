"""MLflow, into a file beside the runs unless a server is named."""

import logging
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

from mlp_lab.errors import MissingExtraError
from mlp_lab.loggers.run_logger import Row, Tracker, columns_of
from mlp_lab.runs.config import flatten

_MANIFEST_KEY = "mlflow_run_id"

# What one call may hold.
_MOST_METRICS = 1000
_MOST_PARAMETERS = 100
_LONGEST_VALUE = 6000

# A server that does not answer would else be waited for over four minutes, in which the net is long
# trained; and nothing is told to anybody else about who uses MLflow for what.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class MLflowTracker(Tracker):
    """Log metrics of every step, settings, figures and the best checkpoint's path with MLflow.

    By default everything goes to ``mlflow.db`` and ``mlflow_artifacts`` in the directory of all
    runs; ``mlflow ui --backend-store-uri sqlite:///runs/mlflow.db`` shows it. A server's
    credentials are taken from the environment (MLFLOW_TRACKING_TOKEN and so on) and written
    nowhere. A run that goes on goes on there too. What MLflow cannot do is one warning, and the
    training goes on without it.

    Args:
        tracking_uri: A server's address, or a database; by default the file beside the runs.
        experiment_name: Name of MLflow's experiment; by default the run's.
    """

    def __init__(self, tracking_uri: str | None = None, experiment_name: str | None = None) -> None:
        super().__init__()
        self.tracking_uri = tracking_uri
        self.experiment_name = experiment_name
        self._opened: tuple[Any, str] | None = None
        self._is_new = True

    @property
    def name(self) -> str:
        """What it is."""
        return "MLflow"

    def _take_rows(self, rows: Sequence[Row], every: int) -> None:
        client, run_id = self._client, self._id
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(key, value, now, int(step))
            for key, (values, steps) in columns_of(rows).items()
            for value, step in zip(values, steps, strict=True)
        ]
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(run_id, metrics[start : start + _MOST_METRICS])

    def _take_settings(self, settings: Mapping[str, Any]) -> None:
        client, run_id = self._client, self._id
        from mlflow.entities import Param

        if self._is_new:  # they cannot be changed
            parameters = [Param(k, str(v)[:_LONGEST_VALUE]) for k, v in flatten(settings).items()]
            for start in range(0, len(parameters), _MOST_PARAMETERS):
                client.log_batch(run_id, params=parameters[start : start + _MOST_PARAMETERS])
        if self._run is not None:
            client.log_artifact(run_id, str(self._run.config_path))

    def _take_figure(self, name: str, path: Path, step: int) -> None:
        self._client.log_artifact(self._id, str(path), "plots")

    def _take_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self._client.set_tag(self._id, "checkpoints/best", checkpoint.best_model_path)

    def _flush(self) -> None:
        """Nothing is held back."""

    def _end(self, status: str) -> None:
        if self._opened is not None:
            word = "FINISHED" if status in ("success", "finished") else "FAILED"
            self._client.set_terminated(self._id, word)

    @property
    def _client(self) -> Any:
        if self._opened is None:
            self._opened = self._open()
        return self._opened[0]

    @property
    def _id(self) -> str:
        assert self._opened is not None
        return self._opened[1]

    def _open(self) -> tuple[Any, str]:
        """Return MLflow's client and the id of its run, a new one or that of a run that goes on."""
        for key, value in _ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what it imports
                from mlflow import MlflowClient
        except ImportError as error:
            raise MissingExtraError("it needs pip install 'mlp_lab[mlflow]'.") from error
        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)
        uri, artifacts = self._place()
        client = MlflowClient(uri)
        if self._run is not None and (known := self._run.read_manifest().get(_MANIFEST_KEY)):
            self._is_new = False
            client.update_run(known, status="RUNNING")
            return client, known
        name = self.experiment_name or (self._run.experiment if self._run else "mlp_lab")
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            number = experiment.experiment_id
        else:
            number = client.create_experiment(name, artifacts)
        run_name = self._run.dir.name if self._run else None
        run_id = client.create_run(number, run_name=run_name).info.run_id
        if self._run is not None:
            self._run.update_manifest(**{_MANIFEST_KEY: run_id})
        return client, run_id

    def _place(self) -> tuple[str, str | None]:
        """Return where MLflow keeps metrics, and files where it shall not choose itself."""
        if self.tracking_uri is not None:
            return self.tracking_uri, None
        runs_dir = self._run.dir.absolute().parent.parent if self._run else Path.cwd()
        return f"sqlite:///{runs_dir / 'mlflow.db'}", (runs_dir / "mlflow_artifacts").as_uri()
