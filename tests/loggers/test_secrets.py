"""Credentials in the environment or in the URL of a study are written to no file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.helpers.postgresql import PASSWORD, postgresql
from tests.helpers.runs import assert_nowhere, read_manifests

SECRET = "s3cret-token-of-nobody"
VARIABLES = ("NEPTUNE_API_TOKEN", "MLFLOW_TRACKING_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY")


@pytest.mark.figures
@pytest.mark.parametrize(
    "logger",
    [
        ["--trainer.logger+=mlp_lab.loggers.NeptuneLogger"],
        pytest.param(["--trainer.logger+=mlp_lab.loggers.WandbTracker"], marks=pytest.mark.slow),
    ],
)
def test_no_secret_is_in_any_file(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logger: list[str]
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, SECRET)
    fit = mlp_lab("fit", "--data.source=Moons", "--trainer.max_epochs=1", *logger)
    assert fit.code == 0
    assert mlp_lab("predict", "--run_dir", fit.run_dir).code == 0
    assert mlp_lab("report", "runs").code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_no_logger_finds_the_password_of_a_study(mlp_lab: CommandLine) -> None:
    url = f"postgresql+psycopg://lab:{SECRET}@127.0.0.1:1/lab"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlp_lab.sweep.storage.time.sleep", lambda _: None)
        assert mlp_lab("sweep", "--data.source=Moons", f"--storage={url}").code == 1
    assert sys.argv[-1] == "--storage=postgresql+psycopg://127.0.0.1:1/lab"


@pytest.mark.slow
def test_no_logger_writes_the_password_of_a_study(tmp_path: Path) -> None:
    flags = ["--data.source=Moons", "--trainer.max_epochs=1", "--experiment=lab"]
    loggers = ["WandbTracker", "MLflowTracker", "NeptuneLogger"]
    flags += [f"--trainer.logger+=mlp_lab.loggers.{name}" for name in loggers]
    with postgresql(tmp_path) as server:
        words = ["sweep", *flags, "--seeds=0,1", "--storage", server.url, "--jobs=2"]
        subprocess.run([sys.executable, "-m", "mlp_lab", *words], cwd=tmp_path, check=True)
    manifests = read_manifests(tmp_path / "runs" / "lab").values()
    assert [manifest["status"] for manifest in manifests] == ["finished", "finished"]
    assert list(tmp_path.rglob("*.wandb"))
    assert_nowhere(PASSWORD, tmp_path)
