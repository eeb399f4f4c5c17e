"""mlp-lab export: a run or a checkpoint in, one model file out."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.inference import Predictor
from tests.conftest import CommandLine
from tests.helpers.cards import read_card
from tests.helpers.runs import read_metrics


def test_export_writes_either_kind(mlp_lab: CommandLine, digits_run: Path, tmp_path: Path) -> None:
    for kind in ("onnx", "pth"):
        outcome = mlp_lab("export", digits_run, "--format", kind, "--out", f"my.{kind}")
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.last_line == f"written: my.{kind}"
        metrics = Predictor(f"my.{kind}").info.metrics
        assert (
            metrics["test/acc"] == json.loads((digits_run / "metrics.json").read_text())["test/acc"]
        )
    checkpoint = digits_run / "checkpoints" / "last.ckpt"
    assert mlp_lab("export", checkpoint, "--format=pth", "--out=last.pth").code == 0
    assert "test/acc" not in Predictor("last.pth").info.metrics


def test_another_checkpoint_does_not_take_the_best_ones_place(
    mlp_lab: CommandLine, digits_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(digits_run, tmp_path / "runs" / "copy" / "version_0")
    last_line = mlp_lab("export", run / "checkpoints" / "last.ckpt").last_line
    assert last_line == f"written: {run / 'last.onnx'}"
    assert mlp_lab("export", run).last_line == f"written: {run / 'model.onnx'}"


def test_export_refuses_in_one_sentence(mlp_lab: CommandLine, digits_run: Path) -> None:
    for words, message in (
        (["nowhere"], "'nowhere' holds no run"),
        ([digits_run, "--format=pth", "--opset=20"], "opset is of ONNX, and the format is pth"),
        ([digits_run, "--out=my.x"], "out is 'my.x'; it must be a .onnx"),
        ([digits_run, "--data.rot=y"], "Did you mean 'data.root'"),
    ):
        outcome = mlp_lab("export", *words)
        assert outcome.code == 2
        assert message in outcome.err


@pytest.fixture
def run(digits_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that may be written to."""
    return Path(shutil.copytree(digits_run, tmp_path / "runs" / "copy" / "version_0"))


def test_a_card_comes_with_the_model(
    mlp_lab: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = mlp_lab("export", run)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"card: {run / 'MODEL_CARD.md'}\n" in outcome.out
    card, metrics = read_card(run / "MODEL_CARD.md"), read_metrics(run)
    metadata = card.metadata
    assert (metadata["license"], metadata["datasets"]) == ("unknown", ["digits"])
    assert metadata["pipeline_tag"] == "image-classification"
    scores = {s["type"]: s["value"] for s in metadata["model-index"][0]["results"][0]["metrics"]}
    assert scores == {
        **{"accuracy": metrics["test/acc"], "f1": metrics["test/f1_macro"]},
        **{"roc_auc": metrics["test/roc_auc_macro"], "loss": metrics["test/loss"]},
    }
    assert card.facts("Data")["Test part"] == "held out of the training data, stratified by class"
    facts = card.facts("The model") | card.facts("Data") | card.facts("Training")
    assert {name for name, value in facts.items() if value == "not known"} <= {"Commit of mlp_lab"}
    monkeypatch.chdir(run)
    answers: list[dict[str, Any]] = []
    for block in card.code:
        names: dict[str, Any] = {}
        exec(block, names)
        answers.append(names)
    first, second = answers
    assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-6)
    expected = first["class_names"][second["probabilities"][0].argmax()]
    assert first["predicted"] == [expected] * 5


def test_the_card_of_another_checkpoint_has_its_scores(mlp_lab: CommandLine, run: Path) -> None:
    last = run / "checkpoints" / "last.ckpt"
    assert mlp_lab("export", last, "--format=pth").code == 0
    card = read_card(run / "last_MODEL_CARD.md")
    assert card.facts("Training")["Epochs"] == "3"
    assert card.facts("Training")["Best epoch, by validation accuracy"] == "not known"
    (result,) = card.metadata["model-index"][0]["results"]
    assert result["dataset"]["split"] == "validation"
    assert not (run / "MODEL_CARD.md").exists()


def test_a_checkpoint_that_was_copied_away_has_a_card(
    mlp_lab: CommandLine, run: Path, tmp_path: Path
) -> None:
    shutil.copy(run / "checkpoints" / "best.ckpt", tmp_path / "far.ckpt")
    assert mlp_lab("export", "far.ckpt", "--format=pth").code == 0
    card = read_card(tmp_path / "far_MODEL_CARD.md")
    assert card.metadata["datasets"] == ["digits"]
    assert card.facts("Training")["Batch size"] == "16"
    assert card.facts("Data")["SHA-256 of the data"] == "not known"


def test_a_card_that_was_edited_stays(mlp_lab: CommandLine, run: Path) -> None:
    (run / "MODEL_CARD.md").write_text("my own words\n")
    outcome = mlp_lab("export", run, "--format=pth")
    assert outcome.code == 0
    assert f"card: {run / 'MODEL_CARD.md'}, edited before and left as it is\n" in outcome.out
    assert (run / "MODEL_CARD.md").read_text() == "my own words\n"
