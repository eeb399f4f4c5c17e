"""Every run leaves its figures and the numbers behind them."""

import json
import re
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mlp_lab.callbacks import Figures, MetricsFile
from mlp_lab.data import Digits, LabDataModule
from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.results import Results
from mlp_lab.tasks import ClassificationTask
from tests.conftest import CommandLine

ALWAYS = {"loss", "learning_rate", "net"}
OF_CLASSES = {
    *("acc", "class_balance", "class_scores", "confusion", "confusion_before", "precision_recall"),
    *("reliability", "roc"),
}
OF_NUMBERS = {"mae", "rmse", "r2", "predictions"}
OF_IMAGES = {"mistakes", "weights"}


def drawn(run_dir: Path) -> set[str]:
    return {path.stem for path in (run_dir / "plots").glob("*.png")}


def metrics_of(run_dir: Path) -> Any:
    return json.loads((run_dir / "metrics.json").read_text())


@pytest.mark.figures
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--data.source=Moons", "--model=BinaryTask"], OF_CLASSES | {"surface"}),
        (["--data.source=SigmoidCurve", "--model=RegressionTask"], OF_NUMBERS | {"fit"}),
        (
            ["--data.source=Digits", "--model.net=CNN", "--model.net.channels=[4]"],
            OF_CLASSES | OF_IMAGES,
        ),
    ],
)
def test_each_task_leaves_its_figures(
    mlp_lab: CommandLine, words: list[str], expected: set[str]
) -> None:
    outcome = mlp_lab("fit", *words, "--trainer.max_epochs=1")
    assert (outcome.code, outcome.err) == (0, "")
    assert drawn(outcome.run_dir) == ALWAYS | expected
    events = EventAccumulator(str(outcome.run_dir / "tensorboard"))
    events.Reload()
    assert {tag.removeprefix("plots/") for tag in events.Tags()["images"]} <= drawn(outcome.run_dir)


def test_numbers_behind_the_figures(digits_run: Path) -> None:
    metrics = metrics_of(digits_run)
    assert drawn(digits_run) == ALWAYS | OF_CLASSES | OF_IMAGES
    one = metrics["test/classes"]["3"]
    assert 0.9 < one["roc_auc"] <= 1
    assert 0.5 < one["average_precision"] <= 1
    for key in ("roc_auc_micro", "roc_auc_macro", "average_precision_macro"):
        assert 0.5 < metrics[f"test/{key}"] <= 1
    assert sum(metrics["test/reliability"]["samples"]) == 359
    assert 0 < metrics["test/ece"] < 1
    before = torch.tensor(metrics["test_before"]["confusion"])
    assert before.sum() == 359
    assert before.trace() / 359 == pytest.approx(metrics["test_before"]["acc"])
    assert metrics["test_before"]["acc"] < 0.3 < metrics["test/acc"]


def test_the_best_checkpoint_is_scored_on_training_images_as_they_are(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "augment.yaml").write_text(
        "data: {augment: [{class_path: Erasing, init_args: {probability: 1.0}}]}"
    )
    words = ["--data.source=Digits", "--config=augment.yaml", "--model.net.dropout=0.5"]
    run_dir = mlp_lab("fit", *words, "--trainer.max_epochs=3").run_dir
    data = LabDataModule(Digits(), root=tmp_path)
    data.prepare_data()
    data.setup("fit")
    best = run_dir / "checkpoints" / "best.ckpt"
    task = ClassificationTask.load_from_checkpoint(best, weights_only=True).eval()
    train = data.subsets["train"]
    with torch.inference_mode():
        right = task(train.samples.inputs[train.indices]).argmax(1) == train.labels
    assert metrics_of(run_dir)["train_eval/acc"] == pytest.approx(right.float().mean().item())


def test_the_report_is_printed(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", "--data.source=Moons", "--trainer.max_epochs=1")
    assert "precision    recall  f1-score   support" in outcome.out
    assert "weighted avg" in outcome.out


def test_a_resumed_run_keeps_the_confusion_it_began_with(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Digits", "--trainer.max_epochs=1", "--model.schedule=Constant"]
    run_dir = mlp_lab("fit", *words).run_dir
    before = metrics_of(run_dir)["test_before"]
    assert mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=2").code == 0
    assert metrics_of(run_dir)["test_before"] == before


def test_nothing_is_drawn_where_nobody_wants_it(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--figures=false"]
    outcome = mlp_lab("fit", *words)
    assert not (outcome.run_dir / "plots").exists()
    assert "figures:" not in outcome.out


@pytest.mark.figures
def test_what_cannot_be_drawn_is_a_warning(tmp_path: Path) -> None:
    def fail() -> Figure:
        raise ZeroDivisionError("too round")

    figures = Figures(Results(tmp_path), MetricsFile(None), None)
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    text = "plots/roc.png could not be made: ZeroDivisionError: too round."
    with pytest.warns(MLPLabWarning, match=re.escape(text)):
        figures._draw(trainer, ("roc", fail))
    figures._draw(trainer, ("roc", Figure))
    assert (tmp_path / "plots" / "roc.png").is_file()


@pytest.mark.parametrize("limit", ["--trainer.fast_dev_run=1", "--trainer.limit_test_batches=1"])
def test_part_of_a_test_is_not_taken_for_all_of_it(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """One batch is 1 to Lightning, and all batches are 1.0."""

    def fail(*_: object) -> None:
        raise AssertionError("all of the test set was gone through")

    for name in ("outputs_of", "totals_of"):
        monkeypatch.setattr(f"mlp_lab.callbacks.metrics_file.{name}", fail)
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    outcome = mlp_lab("fit", *words, limit)
    assert outcome.code == 0, outcome.err
