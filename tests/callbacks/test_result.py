"""Every run leaves its figures and the numbers behind them."""

import random
import re
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader, TensorDataset

from mlp_lab.callbacks import (
    CalibrationPlot,
    ClassBalancePlot,
    ClassScoresPlot,
    ConfusionMatrixPlot,
    CurvePlots,
    DecisionSurfacePlot,
    ImportancePlot,
    MetricsFile,
    MistakesFile,
    MistakesPlot,
    NetPlots,
    OnnxExport,
    OutputsFile,
    ResultCallback,
    SamplesFile,
    TargetPlots,
    TrainingPlots,
    TrainingSetScores,
    UntrainedScores,
)
from mlp_lab.data import Digits, LabDataModule, Table
from mlp_lab.errors import MLPLabWarning
from mlp_lab.tables import Column
from mlp_lab.tasks import ClassificationTask, RegressionTask
from mlp_lab.tasks.regression import RegressionScore
from mlp_lab.tasks.task import LoadedWeights
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.small_table import COLUMNS, words_of, write_small_table
from tests.helpers.training import fake_trainer, train_and_test

ALWAYS = {"loss", "learning_rate", "net"}
OF_CLASSES = {
    *("acc", "class_balance", "class_scores", "confusion", "confusion_before", "precision_recall"),
    *("reliability", "roc"),
}
OF_NUMBERS = {"mae", "rmse", "r2", "predictions"}
OF_IMAGES = {"mistakes", "weights"}


def drawn(run_dir: Path) -> set[str]:
    return {path.stem for path in (run_dir / "plots").glob("*.png")}


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


@pytest.mark.figures
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("kind", OF_CLASSES | {"importance"}),
        pytest.param("price", OF_NUMBERS | {"importance"}, marks=pytest.mark.slow),
    ],
)
def test_a_table_leaves_the_importance_of_its_columns(
    mlp_lab: CommandLine, tmp_path: Path, target: str, expected: set[str]
) -> None:
    words = words_of(write_small_table(tmp_path / "small.csv"), target)
    outcome = mlp_lab("fit", *words, "--trainer.max_epochs=1")
    assert (outcome.code, outcome.err) == (0, "")
    assert drawn(outcome.run_dir) == ALWAYS | expected
    page = (outcome.run_dir / "report.html").read_text()
    for text in ("Permutation importance is how far", "<td>colour</td><td>categorical</td>"):
        assert text in page
    assert re.search(r"samples per second +│", outcome.out)


def test_the_score_of_an_importance_is_one_that_rises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawings: list[Any] = []
    monkeypatch.setattr(ImportancePlot, "plot", lambda *words: drawings.append(words[-1]))
    path = write_small_table(tmp_path / "small.csv")
    data = LabDataModule(Table(path, "price", drop=["kind"]))
    columns = data.columns
    scores: list[RegressionScore | None] = [None, "val/r2"]
    for score in scores:
        task = RegressionTask((4,), 1, columns=columns, score=score)
        trainer = pl.Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            callbacks=[ImportancePlot(tmp_path)],
        )
        trainer.test(task, datamodule=data, verbose=False)
        drops, names, title, num_rows = drawings.pop().args
        assert (names, title, num_rows) == ([*COLUMNS], "R²", 24)
        assert drops.shape == (4, 5)


def test_a_net_too_large_or_a_table_too_wide_has_no_importance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_small_table(tmp_path / "small.csv")
    data = LabDataModule(Table(path, "kind", drop=["price"]))
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        callbacks=[callback := ImportancePlot(tmp_path)],
    )
    for bound, value in (("_MOST_COLUMNS", 3), ("_MOST_PRODUCTS", 1e4)):
        with monkeypatch.context() as patched:
            patched.setattr(f"mlp_lab.callbacks.importance_plot.{bound}", value)
            task = ClassificationTask((4,), 2, columns=data.columns)
            trainer.test(task, datamodule=data, verbose=False)
        assert callback.results.written == set()


def test_numbers_behind_the_figures(digits_run: Path) -> None:
    metrics = read_metrics(digits_run)
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
    assert read_metrics(run_dir)["train_eval/acc"] == pytest.approx(right.float().mean().item())


def test_the_report_is_printed(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", "--data.source=Moons", "--trainer.max_epochs=1")
    assert "precision    recall  f1-score   support" in outcome.out
    assert "weighted avg" in outcome.out


def test_a_resumed_run_keeps_the_confusion_it_began_with(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Digits", "--trainer.max_epochs=1", "--model.schedule=Constant"]
    run_dir = mlp_lab("fit", *words).run_dir
    before = read_metrics(run_dir)["test_before"]
    assert mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=2").code == 0
    assert read_metrics(run_dir)["test_before"] == before


def test_nothing_is_drawn_where_nobody_wants_it(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--figures=false"]
    outcome = mlp_lab("fit", *words)
    assert not (outcome.run_dir / "plots").exists()
    assert "figures:" not in outcome.out


def test_the_lowest_validation_loss_is_marked_in_the_curve_of_the_loss(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = ["epoch,step,train/loss,val/loss", "1,1,3,3.5", "2,2,2,2.5", "3,3,1,2.75"]
    (tmp_path / "metrics.csv").write_text("\n".join(rows))
    task, plots = ClassificationTask((2,), 2), TrainingPlots(tmp_path)
    task.loaded = LoadedWeights(3, {})
    marks = {}
    monkeypatch.setattr(plots, "plot", lambda _, name, draw: marks.update({name: draw.keywords}))
    plots.on_test_end(fake_trainer(), task)
    assert marks["loss"] == {"best": 3, "lowest": 2}
    assert marks["acc"] == {"best": 3, "lowest": None}


ALL: list[type[ResultCallback]] = [
    *(CalibrationPlot, ClassBalancePlot, ClassScoresPlot, ConfusionMatrixPlot, CurvePlots),
    *(
        DecisionSurfacePlot,
        ImportancePlot,
        MetricsFile,
        MistakesFile,
        MistakesPlot,
        NetPlots,
        OnnxExport,
    ),
    *(OutputsFile, SamplesFile, TargetPlots, TrainingPlots),
]


def written(directory: Path) -> dict[str, bytes]:
    """Return what was written, without what differs from time to time."""
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*.*")}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if path.suffix in (".png", ".json", ".csv")
    }


def test_the_net_of_a_table_is_drawn_behind_its_encoder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawings: list[Any] = []
    monkeypatch.setattr(NetPlots, "plot", lambda *words: drawings.append(words[-1]))
    columns = [Column("a", "numeric"), Column("c", "categorical", ("x", "y", "z"))]
    task = ClassificationTask((2,), 2, columns=[column.plain() for column in columns])
    NetPlots(tmp_path).on_test_end(fake_trainer(), task)
    ((shape, layers, title),) = (draw.args for draw in drawings)
    assert (shape, title) == ((4,), "MLP, on 2 columns as they are encoded")
    assert layers[0].weight.shape == (200, 4)


@pytest.mark.usefixtures("_one_registry")
def test_their_order_does_not_matter(tmp_path: Path) -> None:
    found = []
    for seed in (0, 1):
        directory = tmp_path / str(seed)
        callbacks = [
            *(kind(directory) for kind in ALL),
            *(UntrainedScores(directory), TrainingSetScores()),
        ]
        random.Random(seed).shuffle(callbacks)
        train_and_test(callbacks, tmp_path)
        assert (directory / "model.onnx").is_file()
        found.append(written(directory))
    assert found[0] == found[1]
    assert {name.removeprefix("plots/") for name in found[0]} == {
        *("metrics.json", "mistakes.csv"),
        *(f"{name}.png" for name in (OF_CLASSES | OF_IMAGES | {"net"}) - {"acc"}),
    }


@pytest.mark.usefixtures("_one_registry")
@pytest.mark.parametrize("kind", ALL)
def test_each_works_alone(kind: type[ResultCallback], tmp_path: Path) -> None:
    expected = {
        CalibrationPlot: {"plots/reliability.png"},
        ClassBalancePlot: {"plots/class_balance.png"},
        ClassScoresPlot: {"plots/class_scores.png"},
        ConfusionMatrixPlot: {"plots/confusion.png"},
        CurvePlots: {"plots/roc.png", "plots/precision_recall.png"},
        MetricsFile: {"metrics.json"},
        MistakesFile: {"mistakes.csv"},
        MistakesPlot: {"plots/mistakes.png"},
        NetPlots: {"plots/net.png", "plots/weights.png"},
        OnnxExport: {"model.onnx"},
        OutputsFile: {"test_outputs.npz"},
        SamplesFile: {"test_samples.npz"},
    }
    callback = kind(tmp_path)
    train_and_test([callback], tmp_path)
    assert callback.results.written == expected.get(kind, set())


def test_scores_of_classes_have_an_axis_from_zero_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(ClassScoresPlot, "plot", lambda *words: figures.append(words[-1]()))
    train_and_test([ClassScoresPlot(tmp_path)], tmp_path)
    assert [figure.axes[0].get_xlim() for figure in figures] == [(0, 1)]


def test_one_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Figure:
        raise ZeroDivisionError("too round")

    monkeypatch.setattr("mlp_lab.callbacks.curve_plots.plot_roc_curves", fail)
    callback = CurvePlots(tmp_path)
    text = "plots/roc.png could not be made: ZeroDivisionError: too round."
    with pytest.warns(MLPLabWarning, match=re.escape(text)):
        train_and_test([callback], tmp_path)
    assert callback.results.written == {"plots/precision_recall.png"}


def test_without_data_of_this_package_classes_are_numbers(tmp_path: Path) -> None:
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (30, 1, 4, 4), dtype=torch.uint8, generator=draws)
    loader = DataLoader(TensorDataset(inputs, torch.arange(30) % 3), batch_size=10)
    callback = ConfusionMatrixPlot(tmp_path)
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, callbacks=[callback]
    )
    task = ClassificationTask((1, 4, 4), 3)
    trainer.test(task, dataloaders=loader, verbose=False)
    assert task.evaluation is not None
    assert task.evaluation.class_names == ("0", "1", "2")
    assert callback.results.written == {"plots/confusion.png"}


@pytest.mark.parametrize("limit", ["--trainer.fast_dev_run=1", "--trainer.limit_test_batches=1"])
def test_part_of_a_test_is_not_taken_for_all_of_it(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """One batch is 1 to Lightning, and all batches are 1.0."""

    def fail(*_: object) -> None:
        raise AssertionError("all of the test set was gone through")

    monkeypatch.setattr("mlp_lab.callbacks.extra_scores.score_samples", fail)
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"]
    outcome = mlp_lab("fit", *words, limit)
    assert outcome.code == 0, outcome.err
