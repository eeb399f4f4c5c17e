"""The same things have the same names, wherever they are logged."""

import json
from pathlib import Path

import pytest

from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine
from tests.loggers.test_mlflow import read_back
from tests.loggers.test_tensorboard import read_names
from tests.loggers.test_wandb import read_charts

NAMES = {
    *("lr", "train/loss", "train/acc", "val/loss", "val/acc"),
    *("val/f1_macro", "test/loss", "test/acc", "test/f1_macro"),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # from what MLflow imports
def test_all_trackers_show_the_same_names(mlp_lab: CommandLine, tmp_path: Path) -> None:
    fit = ["fit", "--data.source=Moons", "--trainer.max_epochs=2"]
    trackers = [
        {"class_path": f"mlp_lab.loggers.{name}"} for name in ("MLflowTracker", "WandbTracker")
    ]
    run_dir = mlp_lab(*fit, f"--trainer.logger={json.dumps(trackers)}").run_dir
    _, mlflow, _ = read_back(f"sqlite:///{tmp_path}/runs/mlflow.db", tmp_path / run_dir)
    assert mlflow.keys() == NAMES
    assert read_charts(run_dir) == NAMES
    assert read_names(mlp_lab(*fit).run_dir / "tensorboard") == NAMES
    columns = read_rows(run_dir / "metrics.csv")[0].keys()
    assert [*columns][:2] == ["epoch", "step"]
    assert {*columns} - {"epoch", "step"} == {n for n in NAMES if not n.startswith("test/")}
