"""One temperature, fitted to the validation samples of the best checkpoint, which then keeps it."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlp_lab.callbacks import WholeFileCheckpointIO
from mlp_lab.data import Digits, LabDataModule, Moons, Part, SampleSubset
from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.evaluation.calibration import fit_temperature
from mlp_lab.inference import Predictor
from mlp_lab.inference.backends import read_net
from mlp_lab.nets import MLP
from mlp_lab.report.model_card import card_path
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.run import Run
from mlp_lab.tasks import BinaryTask, ClassificationTask
from mlp_lab.training.calibration import calibrate_task
from tests.conftest import QUICK, CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.training import KilledError, assert_same_training, same_tensors

DIGITS = ["--data.source=Digits", *QUICK]
CALIBRATED = [*DIGITS, "--model.calibrate=true"]


def make(source: Any = Digits, task_class: Any = ClassificationTask) -> tuple[Any, LabDataModule]:
    """Return a task that is often right, not yet calibrated, and its data."""
    data = LabDataModule(source(), batch_size=50, val_fraction=0.3)
    data.setup("fit")
    torch.manual_seed(0)
    net = partial(MLP, hidden_dims=[])
    task = task_class(data.input_shape, data.num_classes, net=net, calibrate=True)
    task.take_statistics(data)
    optimizer = torch.optim.Adam(task.parameters(), lr=0.05)
    inputs, labels = data.subsets["train"][torch.arange(100)]
    for _ in range(30):
        optimizer.zero_grad()
        task.training_loss(task(inputs), labels).backward()
        optimizer.step()
    return task, data


def outputs_on(task: Any, data: LabDataModule, part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    samples = data.subsets[part]
    with torch.inference_mode():
        inputs, labels = samples[torch.arange(len(samples))]
        return task.eval()(inputs), labels


def checkpoints(run_dir: Path) -> list[dict[str, Any]]:
    return [read_checkpoint(run_dir / "checkpoints" / f"{n}.ckpt") for n in ("best", "last")]


def temperatures(run_dir: Path) -> list[float | None]:
    """Return the temperature of best.ckpt and of last.ckpt."""
    found = [checkpoint["state_dict"].get("temperature") for checkpoint in checkpoints(run_dir)]
    return [None if tensor is None else float(tensor) for tensor in found]


@pytest.mark.parametrize(("source", "task"), [(Digits, ClassificationTask), (Moons, BinaryTask)])
def test_the_temperature_is_that_of_the_validation_samples(source: Any, task: Any) -> None:
    made, data = make(source, task)
    outputs, labels = outputs_on(made, data, "val")
    expected = fit_temperature(outputs, labels)
    assert expected is not None
    for _ in range(2):  # again, it is not applied twice
        text = calibrate_task(made, data)
        assert float(made.temperature) == pytest.approx(expected, rel=1e-6)
    assert text.startswith(f"calibration: temperature {expected:.4f}, fitted to {len(labels)} ")
    torch.testing.assert_close(outputs_on(made, data, "val")[0], outputs / expected)


def test_no_other_samples_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    task, data = make()
    seen: list[int] = []
    fetch = SampleSubset.__getitem__

    def watch(self: SampleSubset, positions: torch.Tensor) -> Any:
        seen.extend(self.indices[positions].tolist())
        return fetch(self, positions)

    monkeypatch.setattr(SampleSubset, "__getitem__", watch)
    calibrate_task(task, data)
    # All parts are of one array here, so that the indices tell them apart.
    assert len({id(subset.samples) for subset in data.subsets.values()}) == 1
    assert sorted(seen) == sorted(data.subsets["val"].indices.tolist())
    found = float(task.temperature)
    parts: tuple[Part, ...] = ("train", "test")
    for part in parts:
        rows = data.subsets[part].indices
        data.subsets["val"].samples.inputs[rows] = 0
        data.subsets["val"].samples.labels[rows] = 0
    calibrate_task(task, data)
    assert float(task.temperature) == found


def test_where_no_temperature_is_the_best_it_stays_at_1() -> None:
    task, data = make()
    labels = data.subsets["val"].samples.labels
    inputs = data.subsets["val"].samples.inputs
    with torch.inference_mode():
        labels.copy_(task.eval()(inputs).argmax(1))
    task.temperature.fill_(3.0)
    with pytest.warns(MLPLabWarning, match=r"leaves the temperature at 1: none between 0\.01 and"):
        assert calibrate_task(task, data) == ""
    assert float(task.temperature) == 1


def test_a_trainer_of_ones_own_cannot_fit_it_to_the_test_set() -> None:
    data = LabDataModule(Digits(), validate_on="test")
    data.setup("fit")
    task = ClassificationTask(data.input_shape, data.num_classes, calibrate=True)
    with pytest.raises(ConfigError, match="those are the test set, to which nothing may be fitted"):
        calibrate_task(task, data)
    assert float(task.temperature) == 1  # type: ignore[arg-type]  # it is to be calibrated
    plain = ClassificationTask(data.input_shape, data.num_classes)
    assert calibrate_task(plain, data) == ""


class TestRun:
    def test_it_differs_from_one_without_in_confidence_alone(
        self, mlp_lab: CommandLine, digits_run: Path
    ) -> None:
        plain = digits_run
        outcome = mlp_lab("fit", *CALIBRATED)
        run_dir = outcome.run_dir
        assert (plain / "metrics.csv").read_bytes() == (run_dir / "metrics.csv").read_bytes()
        temperature, at_last = temperatures(run_dir)
        assert temperature is not None
        assert temperature != 1
        assert at_last == 1
        assert temperatures(plain) == [None, None]
        for with_it, without in zip(checkpoints(run_dir), checkpoints(plain), strict=True):
            del with_it["state_dict"]["temperature"]
            for key in ("state_dict", "optimizer_states", "epoch", "loops"):
                assert same_tensors(with_it[key], without[key]), key
        before, after = read_metrics(plain), read_metrics(run_dir)
        same = ("test/acc", "test/f1_macro", "test/confusion", "val/loss", "val/acc", "best_epoch")
        assert {key: before[key] for key in same} == {key: after[key] for key in same}
        assert after["test/temperature"] == temperature
        assert after["test/ece_uncalibrated"] == pytest.approx(before["test/ece"], abs=1e-4)
        assert after["test/loss"] != before["test/loss"]
        assert "test/temperature" not in before
        assert f"calibration: temperature {temperature:.4f}, fitted to 180 valid" in outcome.out
        page = (run_dir / "report.html").read_text()
        assert "The net is calibrated: its logits are divided by a temperature of" in page
        assert "<td>ECE before calibration</td>" in page

    @pytest.mark.slow
    @pytest.mark.export
    @pytest.mark.parametrize(
        "words",
        [
            CALIBRATED,
            ["--data.source=Moons", "--model=BinaryTask", "--model.calibrate=true", *QUICK],
        ],
        ids=["softmax", "sigmoid"],
    )
    def test_every_form_of_the_model_carries_it(
        self, mlp_lab: CommandLine, words: list[str]
    ) -> None:
        run_dir = mlp_lab("fit", *words).run_dir
        temperature = temperatures(run_dir)[0]
        assert temperature not in (None, 1)
        best = run_dir / "checkpoints" / "best.ckpt"
        scores = read_metrics(run_dir)
        for chosen in (f"--ckpt_path={best}", f"--run_dir={run_dir}"):
            (run_dir / "metrics.json").unlink()
            assert mlp_lab("test", chosen).code == 0
            found = read_metrics(run_dir)
            assert found == {key: v for key, v in scores.items() if key.startswith("test/")}
        assert mlp_lab("export", run_dir, "--format=pth").code == 0
        predictors = [Predictor(f) for f in (best, run_dir / "model.pth", run_dir / "model.onnx")]
        for predictor in predictors:
            assert "val/acc" in predictor.info.metrics
            assert "val/loss" not in predictor.info.metrics  # it is of the logits before
        card = card_path(run_dir / "model.pth").read_text()
        results = card.split("## Results")[1].splitlines()
        (head,) = (line.split("|") for line in results if " validation |" in line)
        (losses,) = (line.split("|") for line in results if line.startswith("| Loss |"))
        assert losses[head.index(" test ")].strip() == f"{scores['test/loss']:.4f}"
        assert losses[head.index(" validation ")].strip() in ("", "-")
        info = predictors[0].info
        shape, kind = (20, *info.input_shape), info.input_type
        inputs = np.random.default_rng(0).integers(0, 2, shape).astype(kind)
        _, net = read_net(best)
        net.temperature = None
        raw = net(torch.from_numpy(inputs))[0].numpy()
        for predictor in predictors:
            logits, probabilities = predictor.forward(inputs)
            np.testing.assert_allclose(logits, raw / temperature, rtol=1e-4, atol=1e-5)
            pair = logits if info.head == "softmax" else np.hstack([0 * logits, logits])
            powers = np.exp(pair - pair.max(1, keepdims=True))
            expected = powers / powers.sum(1, keepdims=True)
            np.testing.assert_allclose(probabilities, expected, atol=1e-6)
            assert np.array_equal(predictor.predict(inputs), probabilities)

    @pytest.mark.slow
    @pytest.mark.parametrize("moment", ["before it is written", "in the test"])
    def test_killed_it_goes_on_to_the_same(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        whole = mlp_lab("fit", *CALIBRATED).run_dir

        def kill(*_: object, **__: object) -> None:
            raise KilledError

        with monkeypatch.context() as patch:
            if moment == "in the test":
                patch.setattr(ClassificationTask, "test_step", kill)
            else:
                patch.setattr("mlp_lab.training.calibration._keep_temperature", kill)
            with pytest.raises(KilledError):
                mlp_lab("fit", *CALIBRATED)
        killed = whole.parent / "version_1"
        assert Run(killed).read_manifest()["status"] != "finished"
        assert (temperatures(killed)[0] == 1) == (moment != "in the test")
        assert mlp_lab("fit", f"--run_dir={killed}").code == 0
        assert_same_training(whole, killed)
        assert read_metrics(killed)["test/ece"] == read_metrics(whole)["test/ece"]

    @pytest.mark.slow
    def test_more_epochs_learn_logits_as_they_are(self, mlp_lab: CommandLine) -> None:
        whole = mlp_lab("fit", *CALIBRATED, "--trainer.max_epochs=4").run_dir
        stopped = mlp_lab("fit", *CALIBRATED, "--trainer.max_epochs=2").run_dir
        longer = mlp_lab("fit", f"--run_dir={stopped}", "--trainer.max_epochs=4")
        assert longer.code == 0, longer.err
        assert_same_training(whole, stopped)
        begun = mlp_lab(
            *("fit", f"--ckpt_path={whole}/checkpoints/best.ckpt", "--runs_dir=others"),
            "--trainer.max_epochs=5",
        )
        assert begun.code == 0, begun.err
        assert temperatures(begun.run_dir)[1] == 1

    @pytest.mark.slow
    def test_it_can_be_had_later_and_be_taken_back(self, mlp_lab: CommandLine) -> None:
        calibrated = mlp_lab("fit", *CALIBRATED).run_dir
        run_dir = mlp_lab("fit", *DIGITS).run_dir
        before, tensors = read_metrics(run_dir), checkpoints(run_dir)[0]["state_dict"]
        assert mlp_lab("fit", f"--run_dir={run_dir}", "--model.calibrate=true").code == 0
        assert temperatures(run_dir)[0] == temperatures(calibrated)[0]
        after, expected = read_metrics(run_dir), read_metrics(calibrated)
        times = ("seconds", "images_per_second")
        for key in expected.keys() - {*times}:
            assert after[key] == expected[key], key
        assert mlp_lab("test", f"--run_dir={run_dir}", "--model.calibrate=false").code == 0
        assert read_metrics(run_dir / "test_0")["test/loss"] == before["test/loss"]
        assert mlp_lab("fit", f"--run_dir={run_dir}", "--model.calibrate=false").code == 0
        assert same_tensors(checkpoints(run_dir)[0]["state_dict"], tensors)
        back = read_metrics(run_dir)
        assert back["test/loss"] == before["test/loss"]
        assert not {"test/temperature", "test/ece_uncalibrated"} & back.keys()
        assert "The net is calibrated" not in (run_dir / "report.html").read_text()

    def test_what_could_not_be_fitted_is_not_called_calibrated(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mlp_lab.training.calibration.fit_temperature", lambda *_: None)
        with pytest.warns(MLPLabWarning, match="model.calibrate leaves the temperature at 1"):
            run_dir = mlp_lab("fit", *CALIBRATED, "--figures=false").run_dir
        assert temperatures(run_dir) == [1, 1]
        found = read_metrics(run_dir)
        assert "test/ece" in found
        assert not {"test/temperature", "test/ece_uncalibrated"} & found.keys()
        assert "The net is calibrated" not in (run_dir / "report.html").read_text()

    @pytest.mark.parametrize("command", ["test", "predict", "export"])
    def test_a_checkpoint_without_a_temperature_is_not_calibrated_in_silence(
        self, mlp_lab: CommandLine, own_run: Path, command: str
    ) -> None:
        words = [str(own_run), "--format=pth"] if command == "export" else [f"--run_dir={own_run}"]
        with pytest.warns(MLPLabWarning, match=r"is true, and '.*best\.ckpt' has no temperature"):
            assert mlp_lab(command, *words, "--model.calibrate=true").code == 0
        if command == "test":
            found = read_metrics(own_run / "test_0")
            assert not {"test/temperature", "test/ece_uncalibrated"} & found.keys()

    def test_a_full_disk_leaves_the_checkpoint_as_it_was(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = WholeFileCheckpointIO.save_checkpoint

        def fill(self: Any, checkpoint: dict[str, Any], path: Path, **rest: Any) -> None:
            if float(checkpoint["state_dict"]["temperature"]) != 1:
                path = Path(path) / "no directory"
            save(self, checkpoint, path, **rest)

        monkeypatch.setattr(WholeFileCheckpointIO, "save_checkpoint", fill)
        outcome = mlp_lab("fit", *CALIBRATED)
        assert outcome.code == 1
        assert "could not be written" in outcome.err
        assert temperatures(Path("runs/base/version_0"))[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--data.validate_on=test"],
            "model.calibrate fits a temperature to the validation samples, and with "
            "data.validate_on test those are the test set, to which nothing may be fitted. Leave "
            "one of the two out.",
        ),
        (
            ["--trainer.limit_val_batches=0"],
            "model.calibrate fits a temperature to the validation samples, and validation is off "
            "with trainer.limit_val_batches=0. Leave one of the two out.",
        ),
    ],
)
def test_without_validation_samples_it_is_refused(
    mlp_lab: CommandLine, words: list[str], message: str
) -> None:
    outcome = mlp_lab("fit", "--data.source=Digits", "--model.calibrate=true", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not Path("runs").exists()


def test_numbers_are_not_calibrated(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--model.calibrate=true"]
    outcome = mlp_lab("fit", *words)
    assert outcome.code == 2
    assert "model has 'calibrate' in BinaryTask, " in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_overfit_check_is_not_calibrated(mlp_lab: CommandLine) -> None:
    words = ["--data.source=XOR", "--model.calibrate=true", "--trainer.overfit_batches=1"]
    outcome = mlp_lab("fit", *words, "--trainer.max_epochs=2")
    assert "overfit check" in outcome.last_line
    assert "calibration" not in outcome.out
