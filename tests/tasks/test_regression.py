"""Regression."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from torch import nn

from mlp_lab.errors import ConfigError
from mlp_lab.tasks import RegressionTask
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training, killed_at_step


def metrics_in_batches(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    task = RegressionTask((3,), targets.shape[1])
    pairs = zip(torch.split(outputs, 7), torch.split(targets, 7), strict=True)
    each = [task.batch_totals(*pair) for pair in pairs]
    totals = {key: torch.stack([one[key] for one in each]).sum(0) for key in each[0]}
    return {key: value.item() for key, value in task.metrics_of(totals).items()}


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_metrics_equal_those_of_scikit_learn(offset: float) -> None:
    draws = torch.Generator().manual_seed(0)
    targets = torch.randn(40, 2, generator=draws) + offset
    outputs = targets + 0.3 * torch.randn(40, 2, generator=draws)
    found = metrics_in_batches(outputs, targets)
    truth, predicted = targets.double().numpy(), outputs.double().numpy()
    pooled = root_mean_squared_error(truth.ravel(), predicted.ravel())
    assert found["rmse"] == pytest.approx(pooled, rel=1e-5)
    assert found["mae"] == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-5)
    assert found["r2"] == pytest.approx(r2_score(truth, predicted), rel=1e-4)
    assert found["loss"] == pytest.approx(pooled**2, rel=1e-4)


@pytest.mark.parametrize(("off", "expected"), [(0.0, 1.0), (0.5, 0.0)])
def test_r2_of_a_constant_target_is_one_or_zero(off: float, expected: float) -> None:
    targets = torch.full((14, 1), 0.25)
    found = metrics_in_batches(targets + off, targets)
    assert found["r2"] == r2_score(targets.numpy(), (targets + off).numpy()) == expected


def test_steps_are_measured_like_epochs() -> None:
    task = RegressionTask((3,), 1, loss=nn.L1Loss)
    inputs, targets = torch.randn(9, 3), torch.randn(9, 1)
    loss, metrics = task.compute_loss((inputs, targets))
    found = metrics_in_batches(task(inputs).detach(), targets)
    assert loss.item() == pytest.approx(found["mae"])
    assert metrics["train/r2"].item() == pytest.approx(found["r2"], rel=1e-5)
    assert set(metrics) == {"train/loss", "train/mae", "train/rmse", "train/r2"}


def test_predictions_are_the_outputs() -> None:
    task = RegressionTask((3,), 2).eval()
    inputs, targets = torch.randn(9, 3), torch.randn(9, 2)
    assert torch.equal(task.predict_step((inputs, targets), 0), task(inputs))
    assert task.probabilities(targets) is None


def test_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="Use --model ClassificationTask"):
        RegressionTask((2,), 0)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--data.class_weights=balanced", "data.class_weights is 'balanced', but SigmoidCurve has"),
        ("--data.resample=over", "data.resample is 'over', but SigmoidCurve has regression"),
        ("--data.imbalance={a: 0.5}", "has regression targets and no classes"),
        ("--model=ClassificationTask", "Use --model RegressionTask"),
    ],
)
def test_what_only_classes_have_is_refused(mlp_lab: CommandLine, word: str, message: str) -> None:
    outcome = mlp_lab("fit", "--model=RegressionTask", "--data.source=SigmoidCurve", word)
    assert outcome.code == 2
    assert message in outcome.err


def test_trains_resumes_and_predicts_as_any_task(mlp_lab: CommandLine) -> None:
    words = ["--model=RegressionTask", "--data.source=SigmoidCurve", "--model.optimizer.lr=0.01"]
    words += ["--trainer.max_epochs=30", "--model.net.activation=Tanh"]
    outcome = mlp_lab("fit", *words)
    assert "by val/loss" in outcome.out
    whole = outcome.run_dir
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["test/rmse"] < 0.04
    assert metrics["test/r2"] > 0.98
    assert "test/classes" not in metrics
    with killed_at_step(50):
        mlp_lab("fit", *words)
    killed = whole.parent / "version_1"
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)
    assert mlp_lab("predict", f"--run_dir={killed}").code == 0
    lines = (killed / "predictions.csv").read_text().splitlines()
    assert lines[0] == "index,target,predicted"
    errors = [float(r["target"]) - float(r["predicted"]) for r in csv.DictReader(lines)]
    rmse = (sum(e**2 for e in errors) / len(errors)) ** 0.5
    assert rmse == pytest.approx(metrics["test/rmse"], rel=1e-3)


def test_too_few_samples_to_split_are_refused(mlp_lab: CommandLine) -> None:
    words = ["--model=RegressionTask", "--data.source=Line", "--data.source.num_samples=4"]
    outcome = mlp_lab("fit", *words)
    assert outcome.code == 2
    assert "data.val_fraction leaves 3 of 3 samples for training and 0 as val" in outcome.err


def test_images_without_numbers_are_predicted(mlp_lab: CommandLine) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez("x.npz", x=images, y=images.mean((1, 2)) / 255)
    words = ["--data.source=TensorFile", "--data.source.path=x.npz"]
    words += ["--data.source.targets=numbers", "--model=RegressionTask"]
    run_dir = mlp_lab("fit", *words, "--trainer.max_epochs=2").run_dir
    Path("few").mkdir()
    Image.fromarray(np.zeros((30, 20), np.uint8)).save("few/a.png")
    outcome = mlp_lab("predict", f"--run_dir={run_dir}", "--data.predict_dir=few", "--out=out")
    assert outcome.code == 0, outcome.err
    head, row = Path("out/predictions.csv").read_text().splitlines()
    assert head == "index,file,target,predicted"
    assert row.startswith("0,a.png,,0") or row.startswith("0,a.png,,-0")


def test_one_batch_is_learnt_by_heart(mlp_lab: CommandLine) -> None:
    words = ["--model=RegressionTask", "--data.source=Line", "--model.optimizer.lr=0.02"]
    outcome = mlp_lab("fit", *words, "--trainer.overfit_batches=1")
    assert outcome.code == 0
    assert outcome.last_line.startswith("overfit check passed: train R² 0.99")
    assert "(wanted at least 0.95)" in outcome.last_line
