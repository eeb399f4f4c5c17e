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

from mlp_lab.data import LabDataModule, Part, Samples, Source
from mlp_lab.errors import ConfigError
from mlp_lab.inference import Predictor
from mlp_lab.tasks import RegressionTask
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training, killed_at_step, loss_and_outputs


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
    loss, outputs = loss_and_outputs(task, (inputs, targets))
    metrics = task.measure_steps(outputs.detach()[None], targets[None])
    found = metrics_in_batches(task(inputs).detach(), targets)
    assert loss.item() == pytest.approx(found["mae"])
    assert set(metrics) == {"train/mae", "train/rmse", "train/r2"}
    for key in ("mae", "rmse", "r2"):
        assert metrics[f"train/{key}"].tolist() == pytest.approx([found[key]], rel=1e-5)


def test_several_steps_are_measured_as_each_alone() -> None:
    task = RegressionTask((3,), 2)
    outputs, targets = torch.randn(2, 4, 9, 2)
    together = task.measure_steps(outputs, targets)
    for key, values in together.items():
        alone = [
            task.measure_steps(o[None], t[None])[key] for o, t in zip(outputs, targets, strict=True)
        ]
        assert values.tolist() == pytest.approx(torch.cat(alone).tolist(), rel=1e-6)


def test_predictions_are_the_outputs() -> None:
    task = RegressionTask((3,), 2).eval()
    inputs, targets = torch.randn(9, 3), torch.randn(9, 2)
    assert torch.equal(task.predict_step((inputs, targets), 0), task(inputs))
    assert task.probabilities(targets) is None


class Prices(Source):
    """Large targets that hardly differ, and one that is constant."""

    input_shape = (2,)
    class_names = ()
    num_targets = 2
    parts: frozenset[Part] = frozenset({"train", "test"})

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        x = torch.randn(120, 2, generator=torch.Generator().manual_seed(0))
        y = torch.stack([5000 + 20 * x.sum(1), torch.full((120,), 0.1)], 1)
        return {"train": Samples(x[:100], y[:100]), "test": Samples(x[100:], y[100:])}


def scaled_task(*, scale_targets: bool = True) -> tuple[RegressionTask, LabDataModule]:
    data = LabDataModule(Prices())
    data.setup("fit")
    task = RegressionTask((2,), 2, scale_targets=scale_targets)
    task.take_statistics(data)
    return task, data


def test_targets_are_scaled_by_those_of_the_training_part_alone() -> None:
    task, data = scaled_task()
    targets = data.subsets["train"].labels.double().numpy()
    assert len(targets) == 90  # of 100: the others validate
    assert task.target_mean.tolist() == pytest.approx(targets.mean(0), rel=1e-6)
    assert task.target_std.tolist() == pytest.approx([targets[:, 0].std(), 1.0], rel=1e-6)
    scaled = task.scaled(data.subsets["train"].labels)
    assert scaled.mean(0).abs().max() < 1e-4
    assert scaled.std(0, correction=0).tolist() == pytest.approx([1.0, 0.0], abs=1e-4)


def test_the_loss_is_that_of_scaled_targets_and_all_else_is_in_their_units() -> None:
    task, data = scaled_task()
    inputs, targets = data.subsets["train"][torch.arange(90)]
    outputs = task(inputs)
    assert torch.equal(task.predict_step((inputs, targets), 0), outputs)
    assert (outputs - task.target_mean).abs().mean(0).tolist() < [20.0, 1.0]
    loss, net_outputs = loss_and_outputs(task, (inputs, targets))
    metrics = task.measure_steps(net_outputs.detach()[None], targets[None])
    assert torch.equal(task.finish(net_outputs), outputs)
    totals = task.batch_totals(outputs, targets)
    truth = targets.double().numpy(), outputs.detach().double().numpy()
    scaled = [(part - task.target_mean.numpy()) / task.target_std.numpy() for part in truth]
    assert loss.item() == pytest.approx(root_mean_squared_error(*map(np.ravel, scaled)) ** 2, 1e-3)
    assert task.metrics_of(totals)["loss"].item() == pytest.approx(loss.item(), 1e-5)
    assert metrics["train/mae"].item() == pytest.approx(mean_absolute_error(*truth), 1e-5)


def test_targets_are_left_as_they_are_where_that_is_wished() -> None:
    task, data = scaled_task(scale_targets=False)
    inputs, targets = data.subsets["train"][torch.arange(90)]
    assert task.describe()["scale_targets"] is False
    assert torch.equal(task(inputs), task.net(task.normalise(inputs)))
    loss, _ = loss_and_outputs(task, (inputs, targets))
    assert torch.equal(loss, nn.MSELoss()(task(inputs), targets))


def test_large_targets_are_learnt_and_exported_in_their_units(mlp_lab: CommandLine) -> None:
    x = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    np.savez("prices.npz", x=x, y=5000 + 20 * x.sum(1))
    words = ["--data.source=TensorFile", "--data.source.path=prices.npz"]
    words += ["--data.source.targets=numbers", "--model=RegressionTask"]
    words += ["--trainer.max_epochs=20", "--data.batch_size=16", "--model.optimizer.lr=0.01"]
    run_dir = mlp_lab("fit", *words).run_dir
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["test/r2"] > 0.99
    assert metrics["test/rmse"] < 3
    assert metrics["test/loss"] == pytest.approx((metrics["test/rmse"] / 28) ** 2, rel=0.2)
    assert mlp_lab("export", run_dir, "--out=new.onnx").code == 0
    assert mlp_lab("export", run_dir, "--format=pth", "--out=new.pth").code == 0
    for model in ("new.onnx", "new.pth", run_dir / "checkpoints" / "best.ckpt"):
        found = Predictor(model).predict(x[:50])
        assert found[:, 0] == pytest.approx(5000 + 20 * x[:50].sum(1), abs=15)
    unscaled = mlp_lab(
        "fit", *words, "--model.scale_targets=false", "--trainer.max_epochs=2"
    ).run_dir
    assert json.loads((unscaled / "metrics.json").read_text())["test/r2"] < -100


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
    assert outcome.last_line.startswith("overfit check passed: train R² 1.00")
    assert "(wanted at least 0.95)" in outcome.last_line
