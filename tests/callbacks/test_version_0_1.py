"""A Trainer of one's own that was written for version 0.1 works, and says what to change."""

import json
import re
from pathlib import Path

import pytest

import mlp_lab.run
from mlp_lab.callbacks import Figures, MetricsFile, OnnxFile, RunRecord, Stopwatch
from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.run import Run
from tests.helpers.training import train_and_test


def deprecation(old: str, new: str) -> str:
    text = f"{old} is deprecated since 0.2 and will be removed in 0.3; use {new}."
    return f"^{re.escape(text)}$"


@pytest.mark.usefixtures("_one_registry")
def test_results_are_written_where_they_were(tmp_path: Path) -> None:
    head = "epoch,step,lr,train/acc,train/loss,val/acc,val/f1_macro,val/loss"
    rows = "1,1,0.1,0.5,2.0,,,", "1,1,,,,0.6,0.6,1.5"
    (tmp_path / "steps.csv").write_text("\n".join((head, *rows, "")))
    stopwatch = Stopwatch()
    new = "MetricsFile(directory)"
    with pytest.warns(MLPLabWarning, match=deprecation("MetricsFile(path, stopwatch)", new)):
        metrics = MetricsFile(tmp_path / "numbers.json", stopwatch)
    new = "those that plot some figures each, such as CurvePlots"
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.callbacks.Figures", new)):
        figures = Figures(tmp_path / "drawn", metrics, tmp_path / "steps.csv")
    new = "OnnxExport(run.dir)"
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.callbacks.OnnxFile", new)):
        model = OnnxFile(Run(tmp_path), metrics)
    train_and_test([stopwatch, metrics, figures, model], tmp_path)
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["test/acc"] > numbers["test_before"]["acc"]
    assert numbers["train_eval/acc"] == pytest.approx(numbers["test/acc"], abs=0.1)
    drawn = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert drawn >= {"confusion_before", "confusion", "roc", "mistakes", "net", "loss"}
    assert (tmp_path / "model.onnx").is_file()
    assert not (tmp_path / "metrics.json").exists()


def test_metrics_may_be_kept_in_memory_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.warns(MLPLabWarning, match="deprecated"):
        metrics = MetricsFile(None)
    train_and_test([metrics], tmp_path)
    assert metrics.metrics["test/acc"] > 0.5
    assert not [*tmp_path.rglob("*.json")]


def test_arguments_keep_their_names(tmp_path: Path) -> None:
    with pytest.warns(MLPLabWarning, match="deprecated"):
        assert MetricsFile(path=tmp_path / "numbers.json").path == tmp_path / "numbers.json"
    with pytest.warns(MLPLabWarning, match=r"^MetricsFile\.add_training is deprecated"):
        MetricsFile(tmp_path).add_training(None, None, tmp_path)
    old, new = "RunRecord(run, config, command)", "RunRecord(run, config, {})"
    with pytest.warns(MLPLabWarning, match=deprecation(old, new)):
        record = RunRecord(None, {}, ["my_training.py"])
    assert (record.command, record.own_modules) == ({"command": ["my_training.py"]}, {})


def test_a_run_is_found_where_it_was() -> None:
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.run.Run", "mlp_lab.runs.run.Run")):
        assert mlp_lab.run.Run is Run
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        mlp_lab.run.Nothing  # noqa: B018
