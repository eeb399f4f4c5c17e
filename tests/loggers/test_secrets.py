"""Credentials in the environment are written to no file."""

from pathlib import Path

import pytest

from tests.conftest import CommandLine

SECRET = "s3cret-token-of-nobody"
VARIABLES = ("NEPTUNE_API_TOKEN", "MLFLOW_TRACKING_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY")


@pytest.mark.figures
@pytest.mark.parametrize(
    "logger",
    [
        [],
        ["--trainer.logger=mlp_lab.loggers.NeptuneLogger"],
        pytest.param(["--trainer.logger=mlp_lab.loggers.WandbTracker"], marks=pytest.mark.slow),
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
