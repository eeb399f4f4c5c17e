"""MLflow: what was logged is read back through its API, from a file and from a real server."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import MLflowTracker
from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine
from tests.helpers.processes import free_port

MLFLOW = "--trainer.logger=mlp_lab.loggers.MLflowTracker"
FIT = ["--data.source=Moons", "--trainer.max_epochs=3"]

# Warnings from what MLflow imports.
pytestmark = pytest.mark.filterwarnings("ignore")


def read_back(uri: str, run_dir: Path) -> tuple[Any, dict[str, dict[int, float]], list[str]]:
    """Return MLflow's only run, its metrics by step, and the names of its figures."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(run_dir.parent.name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    series = {
        key: {m.step: m.value for m in client.get_metric_history(run.info.run_id, key)}
        for key in run.data.metrics
    }
    figures = [file.path for file in client.list_artifacts(run.info.run_id, "plots")]
    return run, series, figures


def check_read_back(uri: str, run_dir: Path) -> None:
    run, series, figures = read_back(uri, run_dir)
    rows = read_rows(run_dir / "metrics.csv")
    for key in ("train/loss", "train/acc", "val/loss", "val/acc", "lr"):
        expected = {int(row["step"]): float(row[key]) for row in rows if row[key]}
        assert series[key] == pytest.approx(expected), key
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert run.data.metrics["test/acc"] == pytest.approx(metrics["test/acc"])
    assert run.data.params["model.optimizer.lr"] == "0.001"
    assert run.data.tags["checkpoints/best"].endswith("best.ckpt")
    assert (run.info.run_name, run.info.status) == ("version_0", "FINISHED")
    assert {"plots/confusion_before.png", "plots/confusion.png", "plots/roc.png"} <= {*figures}


@pytest.mark.slow
@pytest.mark.figures
def test_a_file_beside_the_runs(mlp_lab: CommandLine, tmp_path: Path) -> None:
    outcome = mlp_lab("fit", *FIT, MLFLOW)
    assert (outcome.code, outcome.err) == (0, "")
    check_read_back(f"sqlite:///{tmp_path}/runs/mlflow.db", tmp_path / outcome.run_dir)
    again = mlp_lab("fit", "--run_dir", outcome.run_dir, "--trainer.max_epochs=4")
    assert (again.code, again.err) == (0, "")
    run, series, _ = read_back(f"sqlite:///{tmp_path}/runs/mlflow.db", outcome.run_dir)
    assert len(series["val/acc"]) == 4
    assert run.data.params["trainer.max_epochs"] == "3"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Start MLflow's own server on loopback, with its database in a file."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--workers", "1"),
        *("--artifacts-destination", str(tmp_path / "artifacts")),
    ]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            uri = f"http://127.0.0.1:{port}"
            wait_until_up(uri, process)
            yield uri
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_up(uri: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not respond")


@pytest.mark.slow
@pytest.mark.figures
def test_a_server(mlp_lab: CommandLine, server: str) -> None:
    outcome = mlp_lab("fit", *FIT, MLFLOW, "--trainer.logger.tracking_uri", server)
    assert (outcome.code, outcome.err) == (0, "")
    check_read_back(server, outcome.run_dir)


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_warning(tmp_path: Path) -> None:
    logger = MLflowTracker(f"http://127.0.0.1:{free_port()}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logger.log_metrics({"val/acc": 0.5}, step=3)
        logger.log_metrics({"val/acc": 0.6}, step=4)
    (message,) = [str(w.message) for w in caught if w.category is MLPLabWarning]
    assert re.match("MLflow takes nothing more: .* The training goes on without it.", message)


def test_a_missing_client_is_one_warning_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    logger = MLflowTracker()
    with pytest.warns(MLPLabWarning, match=r"needs pip install 'mlp_lab\[mlflow\]'"):
        logger.log_metrics({"val/acc": 0.5}, step=0)
    logger.finalize("success")


def test_a_training_goes_on_without_a_client(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.warns(MLPLabWarning, match="The training goes on without it") as caught:
        outcome = mlp_lab("fit", *FIT, MLFLOW)
    assert outcome.code == 0
    assert len([w for w in caught if w.category is MLPLabWarning]) == 1
    manifest = json.loads((outcome.run_dir / "manifest.json").read_text())
    assert manifest["status"] == "finished"
