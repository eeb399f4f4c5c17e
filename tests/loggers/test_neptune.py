"""Neptune offline: what was logged is read back out of its files."""

import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import NeptuneLogger
from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine

NEPTUNE = "--trainer.logger=mlp_lab.loggers.NeptuneLogger"


def read_offline(run_dir: Path) -> tuple[dict[str, Any], dict[str, dict[int, float]]]:
    """Return single values, and series by step."""
    values: dict[str, Any] = {}
    series: dict[str, dict[int, float]] = defaultdict(dict)
    (log,) = (run_dir / "neptune" / "offline").glob("*/data-1.log")
    for line in log.read_text().splitlines():
        operation = json.loads(line)["obj"]
        key = "/".join(operation["path"])
        if operation["type"] == "LogFloats":
            series[key] |= {int(v["step"]): v["value"] for v in operation["values"]}
        elif operation["type"] == "UploadFile":
            values[key] = operation["file_path"]
        else:
            values[key] = operation.get("value")
    return values, series


@pytest.mark.figures
def test_everything_is_read_back(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=3", "--experiment=two crescents"]
    outcome = mlp_lab("fit", *words, NEPTUNE)
    assert (outcome.code, outcome.err) == (0, "")
    run_dir = outcome.run_dir
    values, series = read_offline(run_dir)
    rows = read_rows(run_dir / "metrics.csv")
    for key in ("train/loss", "train/acc", "val/loss", "val/acc", "lr"):
        expected = {int(row["step"]): float(row[key]) for row in rows if row[key]}
        assert series[key] == pytest.approx(expected), key
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert list(series["test/acc"].values()) == pytest.approx([metrics["test/acc"]])
    assert values["sys/name"] == "two crescents/version_0"
    assert values["parameters/model.optimizer.lr"] == "0.001"
    assert values["checkpoints/best"] == str((run_dir / "checkpoints" / "best.ckpt").absolute())
    assert Path(values["config"]).read_text() == (run_dir / "config.yaml").read_text()
    for name in ("confusion_before", "confusion", "roc", "loss"):
        assert Path(values[f"plots/{name}"]).samefile(run_dir / "plots" / f"{name}.png")


def test_training_is_the_same_with_it(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=2", "--model.net.dropout=0.3"]
    runs = [mlp_lab("fit", *words, *logger).run_dir for logger in ([], [NEPTUNE])]
    assert (runs[0] / "metrics.csv").read_bytes() == (runs[1] / "metrics.csv").read_bytes()


@pytest.mark.parametrize("when", ["init_run", "log"])
def test_a_failure_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str
) -> None:
    monkeypatch.chdir(tmp_path)  # without a run, Neptune writes where it is

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("nobody is there.\nAt all.")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neptune
        from neptune.attributes.series.float_series import FloatSeries
    if when == "init_run":
        monkeypatch.setattr(neptune, "init_run", fail)
    else:
        monkeypatch.setattr(FloatSeries, "extend", fail)
    logger = NeptuneLogger()
    text = "Neptune takes nothing more: nobody is there. The training goes on without it."
    with pytest.warns(MLPLabWarning, match=text):
        logger.log_metrics({"val/acc": 0.5}, step=3)
    logger.log_metrics({"val/acc": 0.6}, step=4)  # a second warning would be an error here
    logger.save()


def test_a_server_without_a_token_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEPTUNE_API_TOKEN", raising=False)
    with pytest.warns(MLPLabWarning, match="Neptune takes nothing more"):
        NeptuneLogger(project="a/b", mode="async").log_metrics({"val/acc": 0.5}, step=0)


def test_a_missing_client_is_one_warning_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neptune", None)
    with pytest.warns(MLPLabWarning, match=r"needs pip install 'mlp_lab\[neptune\]'"):
        NeptuneLogger().log_metrics({"val/acc": 0.5}, step=0)
