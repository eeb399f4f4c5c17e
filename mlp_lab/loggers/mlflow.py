"""MLflow, into a file beside the runs unless a server is named."""

import logging
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

from mlp_lab.loggers.run_logger import SUCCESS, Row, Tracker, import_client, series_by_metric
from mlp_lab.runs.config import flatten

_MANIFEST_KEY = "mlflow_run_id"

# Limits of one call.
_MOST_METRICS = 1000
_MOST_PARAMETERS = 100
_LONGEST_VALUE = 6000

# By default the client waits over four minutes for a server that does not answer, longer than many
# trainings take; and it sends telemetry.
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
    nowhere. A resumed run is resumed there too. If MLflow fails, there is one warning, and the
    training goes on without it.

    Args:
        tracking_uri: A server's address, or a database; by default the file beside the runs.
        experiment_name: Name of MLflow's experiment; by default the run's.
    """

    name = "MLflow"

    def __init__(self, tracking_uri: str | None = None, experiment_name: str | None = None) -> None:
        super().__init__()
        self.tracking_uri = tracking_uri
        self.experiment_name = experiment_name
        self._is_new = True

    def _log_rows(self, rows: Sequence[Row], every: int) -> None:
        client, run_id = self._client
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(key, value, now, int(step))
            for key, (values, steps) in series_by_metric(rows).items()
            for value, step in zip(values, steps, strict=True)
        ]
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(run_id, metrics[start : start + _MOST_METRICS])

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        client, run_id = self._client
        from mlflow.entities import Param

        if self._is_new:  # MLflow's parameters cannot be changed
            parameters = [Param(k, str(v)[:_LONGEST_VALUE]) for k, v in flatten(settings).items()]
            for start in range(0, len(parameters), _MOST_PARAMETERS):
                client.log_batch(run_id, params=parameters[start : start + _MOST_PARAMETERS])
        if self._run is not None:
            client.log_artifact(run_id, str(self._run.config_path))

    def _log_figure(self, name: str, path: Path, step: int) -> None:
        client, run_id = self._client
        client.log_artifact(run_id, str(path), "plots")

    def _log_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        client, run_id = self._client
        client.set_tag(run_id, "checkpoints/best", checkpoint.best_model_path)

    def _finalize(self, status: str) -> None:
        if "_client" in vars(self):  # it was opened
            client, run_id = self._client
            client.set_terminated(run_id, "FINISHED" if status in SUCCESS else "FAILED")

    @cached_property
    def _client(self) -> tuple[Any, str]:
        """MLflow's client and the id of its run, a new one or that of the resumed run."""
        for key, value in _ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        mlflow = import_client("mlflow")
        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)
        uri, artifacts = self._storage()
        with warnings.catch_warnings(action="ignore"):  # of what it imports for this kind of store
            client = mlflow.MlflowClient(uri)
        run = self._run
        if run is not None and (known := run.read_manifest().get(_MANIFEST_KEY)):
            self._is_new = False
            client.update_run(known, status="RUNNING")
            return client, known
        name = self.experiment_name or (run.experiment if run else "mlp_lab")
        experiment = client.get_experiment_by_name(name)
        number = (
            experiment.experiment_id if experiment else client.create_experiment(name, artifacts)
        )
        run_id = client.create_run(number, run_name=run.dir.name if run else None).info.run_id
        if run is not None:
            run.update_manifest(**{_MANIFEST_KEY: run_id})
        return client, run_id

    def _storage(self) -> tuple[str, str | None]:
        """Return where MLflow keeps metrics, and where artifacts; None if that is its choice."""
        if self.tracking_uri is not None:
            return self.tracking_uri, None
        runs_dir = self._run.dir.absolute().parent.parent if self._run else Path.cwd()
        return f"sqlite:///{runs_dir / 'mlflow.db'}", (runs_dir / "mlflow_artifacts").as_uri()
