"""A Trainer of one's own that was written for version 0.1 works, and says what to change."""

import json
import re
from pathlib import Path

import pytest
import torch

import mlp_lab.run
from mlp_lab.callbacks import Figures, MetricsFile, OnnxFile, Stopwatch, check_fits
from mlp_lab.data import Digits, LabDataModule
from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.run import Run
from tests.helpers.checkpoints import task_of, write_checkpoint
from tests.helpers.training import fake_trainer, train_and_test


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
        metrics = MetricsFile(tmp_path / "numbers", stopwatch)
    new = "the callbacks that draw one kind of figure each, such as CurvePlots"
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.callbacks.Figures", new)):
        figures = Figures(tmp_path / "drawn", metrics, tmp_path / "steps.csv")
    new = "OnnxExport(run.dir)"
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.callbacks.OnnxFile", new)):
        model = OnnxFile(Run(tmp_path), metrics)
    # Trained and tested by a Trainer each.
    train_and_test([stopwatch, metrics, figures, model], tmp_path, tester=True)
    numbers = json.loads((tmp_path / "numbers").read_text())
    assert numbers["test/acc"] > numbers["test_before"]["acc"]
    assert numbers["train_eval/acc"] == pytest.approx(numbers["test/acc"], abs=0.1)
    drawn = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert drawn >= {"confusion_before", "confusion", "roc", "mistakes", "net", "loss"}
    assert (tmp_path / "model.onnx").is_file()
    assert not (tmp_path / "metrics.json").exists()


def test_a_test_without_a_training_has_neither_its_figures_nor_its_scores(tmp_path: Path) -> None:
    with pytest.warns(MLPLabWarning, match="deprecated"):
        metrics = MetricsFile(tmp_path / "numbers.json")
    with pytest.warns(MLPLabWarning, match="deprecated"):
        figures = Figures(tmp_path / "drawn", metrics, None)
    train_and_test([metrics, figures], tmp_path)
    drawn = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert "roc" in drawn
    assert not drawn & {"loss", "class_balance"}
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert not [key for key in numbers if key.startswith("train_eval")]


def test_a_training_may_be_added_by_hand(tmp_path: Path) -> None:
    metrics, checkpoint = MetricsFile(tmp_path), tmp_path / "some.ckpt"
    own = {"version": "0.1.0", "config": {}, "metrics": {"val/acc": 0.75}}
    torch.save({"mlp_lab": own, "state_dict": {}, "epoch": 4}, checkpoint)
    trainer = fake_trainer(lightning_module=None, current_epoch=6)
    new = "BestCheckpoint, and leave the call out"
    with pytest.warns(MLPLabWarning, match=deprecation("MetricsFile.add_training", new)):
        metrics.add_training(trainer, LabDataModule(Digits()), checkpoint)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        **{"best_epoch": 5, "epochs": 6, "val/acc": 0.75},
    }


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
    task = task_of(3)
    assert check_fits(checkpoint_path=write_checkpoint(tmp_path / "x.ckpt", task), task=task) == 3


def test_a_run_is_found_where_it_was() -> None:
    with pytest.warns(MLPLabWarning, match=deprecation("mlp_lab.run.Run", "mlp_lab.runs.run.Run")):
        assert mlp_lab.run.Run is Run
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        mlp_lab.run.Nothing  # noqa: B018
