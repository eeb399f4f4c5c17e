"""mlp-lab export: a run or a checkpoint in, one model file out."""

import json
import shutil
from pathlib import Path

from mlp_lab.inference import Predictor
from tests.conftest import CommandLine


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
