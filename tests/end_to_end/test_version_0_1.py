"""What version 0.1 wrote is used for good: tested, predicted with, exported, gone on with."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp_lab.data import Digits, Moons, SigmoidCurve
from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine
from tests.helpers.cards import read_card
from tests.helpers.runs import read_metrics

RUNS = Path(__file__).parent.parent / "version_0_1"
SOURCES = {"classification": Digits, "binary": Moons, "regression": SigmoidCurve}
# The last bits of a sum differ from processor to processor.
NEAR: dict[str, Any] = {"rel": 1e-3, "abs": 1e-5}

pytestmark = [
    pytest.mark.parametrize("task", SOURCES),
    pytest.mark.filterwarnings("ignore:.*was written by mlp_lab 0.1.0"),
]


@pytest.fixture
def whole(tmp_path: Path, task: str) -> Path:
    return Path(shutil.copytree(RUNS / "whole", tmp_path / "runs")) / task / "version_0"


@pytest.fixture
def stopped(tmp_path: Path, task: str) -> Path:
    return Path(shutil.copytree(RUNS / "stopped", tmp_path / "runs")) / task / "version_0"


def scores(run_dir: Path) -> dict[str, Any]:
    metrics = read_metrics(run_dir)
    return {k: v for k, v in metrics.items() if isinstance(v, float) and "second" not in k}


def test_it_is_tested_with_the_scores_that_it_had(mlp_lab: CommandLine, whole: Path) -> None:
    before = scores(whole)
    for words in ([f"--run_dir={whole}"], [f"--ckpt_path={whole}/checkpoints/best.ckpt"]):
        assert mlp_lab("test", *words, "--figures=false").code == 0
        assert scores(whole) == pytest.approx(before, **NEAR)
    assert mlp_lab("validate", f"--run_dir={whole}").code == 0


def test_it_is_calibrated_once_it_goes_on(mlp_lab: CommandLine, task: str, whole: Path) -> None:
    """Its checkpoints have no temperature, which means 1."""
    before = scores(whole)
    outcome = mlp_lab("fit", f"--run_dir={whole}", "--model.calibrate=true", "--figures=false")
    if task == "regression":
        assert "has 'calibrate' in BinaryTask, " in outcome.err
        return
    assert outcome.code == 0, outcome.err
    after = scores(whole)
    assert after["test/acc"] == pytest.approx(before["test/acc"], **NEAR)
    assert after["test/ece_uncalibrated"] == pytest.approx(before["test/ece"], **NEAR)
    assert after["test/temperature"] != 1
    again = mlp_lab("test", f"--run_dir={whole}", "--figures=false")
    assert (again.code, scores(whole)) == (0, after)


def test_it_predicts_and_infers_alike(mlp_lab: CommandLine, task: str, whole: Path) -> None:
    """Its own model.onnx, its checkpoint and a new export of it give the same answers."""
    inputs = SOURCES[task]().load(Path(), download=False)["train"].inputs[:50]
    np.savez("x.npz", x=inputs.numpy())
    assert mlp_lab("predict", f"--run_dir={whole}").code == 0
    assert len((whole / "predictions.csv").read_text().splitlines()) > 100
    assert mlp_lab("export", whole, "--out=new.onnx").code == 0
    assert mlp_lab("export", whole, "--format=pth", "--out=new.pth").code == 0
    models = (whole / "model.onnx", whole / "checkpoints" / "best.ckpt", "new.onnx", "new.pth")
    answers = []
    for number, model in enumerate(models):
        assert mlp_lab("infer", model, "x.npz", f"--out={number}.csv").code == 0
        rows = list(csv.DictReader(Path(f"{number}.csv").read_text().splitlines()))
        assert len(rows) == 50
        answers.append([float(row.get("confidence", row["predicted"])) for row in rows])
    for answer in answers[1:]:
        assert answer == pytest.approx(answers[0], abs=1e-5)
    card = read_card(Path("new_MODEL_CARD.md"))
    assert card.metadata["datasets"] == [
        {"classification": "digits", "binary": "moons", "regression": "sigmoid_curve"}[task]
    ]
    facts = card.facts("Data") | card.facts("Training")
    unknown = {name for name, value in facts.items() if value == "not known"}
    assert unknown == {"Test part", "Threads"}
    assert "lack: Test part, Threads." in card.paragraphs["What this card does not know"]


def test_it_is_reported(mlp_lab: CommandLine, task: str, whole: Path) -> None:
    outcome = mlp_lab("report", whole)
    assert (outcome.code, outcome.err) == (0, "")
    assert "There are no figures" not in outcome.out  # nobody wanted any
    outcome = mlp_lab("report", whole.parent.parent)
    assert outcome.code == 0
    assert f"{task}/version_0" in (whole.parent.parent / "report.html").read_text()


def test_it_goes_on_as_if_it_had_not_been_stopped(
    mlp_lab: CommandLine, task: str, stopped: Path
) -> None:
    other = "val/rmse" if task == "regression" else "val/f1_macro"
    changed = mlp_lab("fit", f"--run_dir={stopped}", f"--model.score={other}")
    assert "model.score is not what the run began with" in changed.err
    assert mlp_lab("fit", f"--run_dir={stopped}").code == 0
    whole = RUNS / "whole" / task / "version_0"
    since = {f"{part}/f1_macro" for part in ("val", "train_eval")}
    found = {key: value for key, value in scores(stopped).items() if key not in since}
    assert found == pytest.approx(scores(whole), **NEAR)
    rows = [read_rows(run / "metrics.csv") for run in (stopped, whole)]
    assert len(rows[0]) == len(rows[1])
    for row, expected in zip(*rows, strict=True):
        assert row.keys() - {"val/f1_macro"} == expected.keys()  # which is measured since
        for key, value in expected.items():
            assert (row[key] == "") == (value == "")
            assert float(row[key] or 0) == pytest.approx(float(value or 0), **NEAR)


def test_targets_stay_as_they_were(mlp_lab: CommandLine, task: str, stopped: Path) -> None:
    """Today's runs scale them, and another value would be another training."""
    if task != "regression":
        pytest.skip("it has no targets")
    outcome = mlp_lab("fit", f"--run_dir={stopped}", "--model.scale_targets=true")
    assert "model.scale_targets is not what the run began with" in outcome.err
    assert mlp_lab("fit", f"--run_dir={stopped}", "--figures=false").code == 0
    assert "scale_targets: false" in (stopped / "config.yaml").read_text()
    (stopped / "checkpoints" / "last.ckpt").unlink()  # killed before it, a run starts afresh
    assert mlp_lab("fit", f"--run_dir={stopped}").code == 0
    whole = RUNS / "whole" / task / "version_0"
    assert scores(stopped) == pytest.approx(scores(whole), **NEAR)


def test_a_finished_one_is_left_alone(mlp_lab: CommandLine, whole: Path) -> None:
    assert mlp_lab("report", whole).code == 0
    assert "finished before, with all its results" in mlp_lab("fit", f"--run_dir={whole}").out
    assert "epoch 4/4" in mlp_lab("fit", f"--run_dir={whole}", "--trainer.max_epochs=4").out or (
        "binary" in str(whole)  # its schedule stretches over all epochs
    )
