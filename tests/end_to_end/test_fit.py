"""A training from start to end, in the way a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch.callbacks import RichProgressBar
from torchvision import datasets

from mlp_lab.callbacks import console
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.runs.run import Run
from tests.conftest import QUICK, CommandLine
from tests.helpers.runs import read_manifest, read_metrics
from tests.helpers.training import assert_same_training, callbacks, killed_at_step

pytestmark = pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")

DIGITS = ["--data.source=Digits", *QUICK]


FIGURES = (
    *("loss", "acc", "learning_rate", "class_balance", "net", "weights", "mistakes"),
    *("confusion_before", "confusion", "class_scores", "roc", "precision_recall", "reliability"),
)


class TestRunDirectory:
    def test_everything_is_there_and_nothing_else(self, digits_run: Path) -> None:
        files = {str(p.relative_to(digits_run)) for p in digits_run.rglob("*") if p.is_file()}
        events = {name for name in files if "events.out.tfevents" in name}
        assert events
        assert files - events == {
            ".lock",
            "config.yaml",
            "manifest.json",
            "metrics.csv",
            "metrics.json",
            "test_outputs.npz",
            "test_samples.npz",
            "mistakes.csv",
            "report.html",
            "model.onnx",
            "checkpoints/best.ckpt",
            "checkpoints/last.ckpt",
            *(f"plots/{name}.png" for name in FIGURES),
        }

    def test_steps_and_epochs_are_logged(self, digits_run: Path) -> None:
        rows = read_rows(digits_run / "metrics.csv")
        assert set(rows[0]) == {
            *("epoch", "step", "lr"),
            *("train/loss", "train/acc", "val/loss", "val/acc", "val/f1_macro"),
        }
        steps = [row for row in rows if row["train/loss"]]
        assert [int(row["step"]) for row in steps] == list(range(1, 3 * 79 + 1))
        assert {row["lr"] for row in steps} == {"0.001"}
        assert all(row["train/acc"] for row in steps)
        epochs = [row for row in rows if row["val/acc"]]
        assert [(row["epoch"], row["step"]) for row in epochs] == [
            ("1", "79"),
            ("2", "158"),
            ("3", "237"),
        ]

    def test_metrics_agree_with_checkpoint_and_log(self, digits_run: Path) -> None:
        metrics = read_metrics(digits_run)
        best = read_checkpoint(digits_run / "checkpoints" / "best.ckpt")
        epochs = [row for row in read_rows(digits_run / "metrics.csv") if row["val/acc"]]
        scores = [float(row["val/acc"]) for row in epochs]
        assert metrics["best_epoch"] == best["epoch"] + 1 == scores.index(max(scores)) + 1
        assert metrics["val/acc"] == max(scores)
        assert metrics["test/acc"] > 0.85
        confusion = torch.tensor(metrics["test/confusion"])
        assert confusion.sum() == 359
        assert metrics["test/acc"] == pytest.approx((confusion.trace() / 359).item())
        recall = [float(c["recall"]) for c in metrics["test/classes"].values()]
        expected = (confusion.diagonal() / confusion.sum(1)).tolist()
        assert recall == pytest.approx(expected)
        training = metrics["train_eval/classes"].values()
        right = sum(c["recall"] * c["samples"] for c in training)
        assert right / sum(c["samples"] for c in training) == pytest.approx(
            metrics["train_eval/acc"]
        )
        assert metrics["seconds"] > 0
        assert metrics["images_per_second"] > 0

    def test_manifest_tells_where_the_run_came_from(self, digits_run: Path) -> None:
        manifest = read_manifest(digits_run)
        assert manifest["status"] == "finished"
        assert manifest["start"] < manifest["end"]
        assert manifest["command"][:2] == ["mlp-lab", "fit"]
        assert manifest["seed"] == 0
        assert manifest["versions"]["torch"] == torch.__version__.split("+")[0]
        assert manifest["net"] == {
            **{"class": "MLP", "parameters": 64 * 200 + 200 + 2000 + 10},
            **{"neurons": 210, "connections": 14_800},
        }
        counts = {part: sum(n.values()) for part, n in manifest["data"]["counts"].items()}
        assert counts == {"train": 1258, "val": 180, "test": 359}
        assert all(len(digest) == 64 for digest in manifest["data"]["sha256"].values())

    def test_config_repeats_the_run(self, digits_run: Path, mlp_lab: CommandLine) -> None:
        outcome = mlp_lab("fit", "--config", digits_run / "config.yaml", "--runs_dir=again")
        assert outcome.run_dir == Path("again/base/version_0")
        assert_same_training(digits_run, outcome.run_dir)
        first, second = (
            yaml.safe_load((run / "config.yaml").read_text())
            for run in (digits_run, outcome.run_dir)
        )
        free = {"runs_dir": None, "figures": None, "onnx": None}
        assert first | free == second | free
        assert not {"ckpt_path", "run_dir", "config", "out"} & set(first)

    def test_checkpoints_hold_plain_types_and_the_configuration(self, digits_run: Path) -> None:
        for name in ("best.ckpt", "last.ckpt"):
            checkpoint = read_checkpoint(digits_run / "checkpoints" / name)
            config = yaml.safe_load((digits_run / "config.yaml").read_text())
            assert checkpoint["mlp_lab"]["config"] == config
            assert checkpoint["hyper_parameters"]["net"]["init_args"]["hidden_dims"] == [200]


class TestConsole:
    def test_a_file_gets_one_plain_line_for_each_epoch(self, mlp_lab: CommandLine) -> None:
        outcome = mlp_lab("fit", *DIGITS)
        lines = outcome.out.splitlines()
        epochs = [line for line in lines if line.startswith("epoch ")]
        assert [line[:10].strip() for line in epochs] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
        assert all("train: loss" in line and "val: loss" in line for line in epochs)
        assert epochs[0].endswith("best")
        for row in (
            "test accuracy",
            "95 % interval",
            "test loss",
            "best epoch",
            "seconds",
            "samples per second",
        ):
            assert any(row in line for line in lines)
        assert "15,010" in outcome.out
        assert outcome.last_line == "run: runs/base/version_0"
        assert outcome.err == ""
        assert "\x1b" not in outcome.out
        assert "Tip" not in outcome.out

    @pytest.mark.parametrize("wanted", [True, False])
    def test_a_terminal_gets_a_bar_unless_it_is_not_wanted(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, wanted: bool
    ) -> None:
        made: list[console.EpochBar] = []
        make = console.EpochBar.__init__

        def make_and_count(bar: console.EpochBar, refresh_rate: int) -> None:
            made.append(bar)
            make(bar, refresh_rate=refresh_rate)

        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setattr(console.EpochBar, "__init__", make_and_count)
        outcome = mlp_lab("fit", *DIGITS, f"--trainer.enable_progress_bar={wanted}")
        assert outcome.code == 0, outcome.err
        assert len(made) == wanted

    def test_the_bar_counts_steps_where_several_run_as_one(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown = []
        update = RichProgressBar.on_train_batch_end

        def note(bar: RichProgressBar, trainer: Any, module: Any, *rest: Any) -> None:
            shown.append((rest[-1] + 1, bar.total_train_batches))
            update(bar, trainer, module, *rest)

        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setattr(RichProgressBar, "on_train_batch_end", note)
        outcome = mlp_lab("fit", *DIGITS, "--data.steps_per_execution=16")
        assert outcome.code == 0, outcome.err
        assert shown == [(min(n, 79), 79) for n in range(16, 81, 16)] * 3

    def test_origin_of_settings_is_printed(self, mlp_lab: CommandLine, digits_run: Path) -> None:
        outcome = mlp_lab("validate", f"--run_dir={digits_run}", "--data.batch_size=7")
        checkpoint = digits_run / "checkpoints" / "best.ckpt"
        expected = (
            f"settings: {digits_run / 'config.yaml'}; typed: --data.batch_size=7; "
            f"checkpoint: {checkpoint}"
        )
        assert outcome.out.splitlines()[0] == expected


class TestUnusualTrainings:
    def test_without_validation_the_last_epoch_is_tested(self, mlp_lab: CommandLine) -> None:
        outcome = mlp_lab("fit", *DIGITS, "--trainer.limit_val_batches=0")
        assert outcome.code == 0
        metrics = read_metrics(outcome.run_dir)
        assert metrics["best_epoch"] == metrics["epochs"] == 3
        assert metrics["test/acc"] > 0.85
        assert "val" not in outcome.out.split("epoch 1/3")[1].splitlines()[0]

    def test_validation_every_other_epoch_is_not_printed_twice(self, mlp_lab: CommandLine) -> None:
        outcome = mlp_lab("fit", *DIGITS, "--trainer.check_val_every_n_epoch=2")
        lines = [line for line in outcome.out.splitlines() if line.startswith("epoch")]
        assert ["val:" in line for line in lines] == [False, True, False]
        assert outcome.err == ""
        assert read_metrics(outcome.run_dir)["best_epoch"] == 2

    def test_validation_within_an_epoch_picks_the_weights_of_its_moment(
        self, mlp_lab: CommandLine
    ) -> None:
        outcome = mlp_lab("fit", *DIGITS, "--trainer.val_check_interval=0.25")
        metrics = read_metrics(outcome.run_dir)
        again = mlp_lab("validate", f"--run_dir={outcome.run_dir}")
        assert f"{metrics['val/acc']:.4f}" in again.out
        assert f"{metrics['val/loss']:.4f}" in again.out

    def test_another_runs_checkpoint_can_be_the_start(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        before = (own_run / "metrics.csv").read_bytes()
        checkpoint = own_run / "checkpoints" / "last.ckpt"
        words = ["--ckpt_path", checkpoint, "--trainer.max_epochs=4", "--runs_dir=runs"]
        outcome = mlp_lab("fit", *words)
        assert outcome.code == 0
        assert outcome.run_dir == Path("runs/base/version_0")
        assert read_metrics(outcome.run_dir)["epochs"] == 4
        assert (own_run / "metrics.csv").read_bytes() == before

    def test_double_precision_trains(self, mlp_lab: CommandLine) -> None:
        assert mlp_lab("fit", *DIGITS, "--trainer.precision=64-true").code == 0

    def test_a_run_in_use_is_refused(self, mlp_lab: CommandLine, own_run: Path) -> None:
        lock = Run(own_run).lock()
        outcome = mlp_lab("fit", f"--run_dir={own_run}", "--trainer.max_epochs=4")
        lock.release()
        assert outcome.code == 2
        assert "is in use by another fit" in outcome.err

    def test_fewer_epochs_than_done_are_refused(self, mlp_lab: CommandLine, own_run: Path) -> None:
        before = (own_run / "config.yaml").read_bytes()
        outcome = mlp_lab("fit", f"--run_dir={own_run}", "--trainer.max_epochs=1")
        assert outcome.code == 2
        assert "trainer.max_epochs is 1, but" in outcome.err
        assert "has 3 epochs already" in outcome.err
        assert (own_run / "config.yaml").read_bytes() == before
        assert read_manifest(own_run)["status"] == "finished"


class TestOverfitCheck:
    def test_one_batch_is_learnt_by_heart(self, mlp_lab: CommandLine, fake_root: Path) -> None:
        outcome = mlp_lab("fit", f"--data.root={fake_root}", "--trainer.overfit_batches=1")
        assert outcome.code == 0
        assert outcome.last_line.startswith("overfit check passed: train loss 0.0")
        assert "train accuracy 1.0000" in outcome.last_line
        assert "after 100 epochs" in outcome.last_line
        assert "val:" not in outcome.out
        run_dir = Path("runs") / "base" / "version_0"
        assert not (run_dir / "metrics.json").exists()
        assert read_manifest(run_dir)["overfit_check"] == outcome.last_line
        page = (run_dir / "report.html").read_text()
        assert f"O{outcome.last_line[1:]}." in page
        assert "Missing or incomplete" not in page
        assert (
            f"has no best.ckpt: {outcome.last_line}." in mlp_lab("test", "--run_dir", run_dir).err
        )

    def test_a_net_that_cannot_learn_fails(self, mlp_lab: CommandLine) -> None:
        words = [
            "--model.optimizer.lr=1e-9",
            "--trainer.max_epochs=2",
            "--trainer.overfit_batches=1",
        ]
        outcome = mlp_lab("fit", *DIGITS[:1], *words)
        assert outcome.code == 1
        assert outcome.last_line.startswith("overfit check failed: train loss 2.")
        assert "after 2 epochs" in outcome.last_line

    def test_dropout_is_off(self, mlp_lab: CommandLine) -> None:
        words = ["--data.source=Digits", "--trainer.overfit_batches=1", "--model.net.dropout=0.9"]
        words += ["--model.label_smoothing=0.1"]
        assert mlp_lab("fit", *words).last_line.startswith("overfit check passed")


class TestExactness:
    ARGUMENTS = (
        "--model.net.dropout=0.3",
        "--model.net.batch_norm=before",
        "--model.optimizer=SGD",
        "--model.optimizer.momentum=0.9",
    )

    def test_a_killed_run_goes_on_bit_by_bit_even_when_moved(
        self, mlp_lab: CommandLine, tmp_path: Path
    ) -> None:
        whole = mlp_lab("fit", *DIGITS, *self.ARGUMENTS).run_dir
        with killed_at_step(100):
            mlp_lab("fit", *DIGITS, *self.ARGUMENTS)
        killed = Path("runs/base/version_1").rename(tmp_path / "moved")
        assert read_manifest(killed)["status"] == "failed"
        outcome = mlp_lab("fit", f"--run_dir={killed}")
        assert outcome.run_dir == killed
        assert read_manifest(killed)["status"] == "finished"
        assert_same_training(whole, killed)

    def test_other_seed_other_weights_same_split(self, mlp_lab: CommandLine) -> None:
        runs = [mlp_lab("fit", *DIGITS, f"--seed_everything={n}").run_dir for n in (0, 1)]
        manifests = [read_manifest(run) for run in runs]
        assert manifests[0]["data"]["sha256"] == manifests[1]["data"]["sha256"]
        logs = [(run / "metrics.csv").read_bytes() for run in runs]
        assert logs[0] != logs[1]


def test_kmnist_trains_as_base_says(mlp_lab: CommandLine, fake_root: Path, tmp_path: Path) -> None:
    config = Path(__file__).parent.parent.parent / "configs" / "base.yaml"
    outcome = mlp_lab(
        "fit", f"--config={config}", f"--data.root={fake_root}", "--data.batch_size=8"
    )
    metrics = read_metrics(outcome.run_dir)
    assert metrics["epochs"] == 10
    assert metrics["test/acc"] > 0.95
    assert set(metrics["test/classes"]) == set(datasets.KMNIST.classes)
    assert len(read_manifest(outcome.run_dir)["data"]["notes"]) == 2


def test_validation_on_the_test_set_says_so(mlp_lab: CommandLine, fake_root: Path) -> None:
    config = Path(__file__).parent.parent.parent / "configs" / "recipe" / "kmnist_course.yaml"
    outcome = mlp_lab("fit", f"--config={config}", f"--data.root={fake_root}")
    assert "validation = test set" in outcome.out
    metrics = read_metrics(outcome.run_dir)
    assert metrics["val/acc"] == metrics["test/acc"]
    assert metrics["validation"] == "test set"
    assert outcome.run_dir.parent.name == "kmnist_course"


def test_class_weights_reach_the_loss(mlp_lab: CommandLine) -> None:
    weights = [1.0] * 9 + [5.0]
    run = mlp_lab("fit", *DIGITS, f"--data.class_weights={weights}").run_dir
    state = read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]
    assert state["class_weights"].tolist() == weights


def test_f1_picks_the_best_epoch_where_it_is_the_score(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", *DIGITS, "--data.imbalance={3: 0.1}", "--model.score=val/f1_macro")
    run, metrics = outcome.run_dir, read_metrics(outcome.run_dir)
    scores = [
        float(row["val/f1_macro"]) for row in read_rows(run / "metrics.csv") if row["val/acc"]
    ]
    assert metrics["val/f1_macro"] == max(scores)
    assert metrics["best_epoch"] == scores.index(max(scores)) + 1
    assert read_manifest(run)["score"] == {"metric": "val/f1_macro", "mode": "max"}
    assert f"test F1 (macro)    │ {metrics['test/f1_macro']:.4f}" in outcome.out
    assert "best epoch, by validation F1 (macro)" in (run / "report.html").read_text()


def test_without_a_test_the_best_epoch_is_known(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", *DIGITS, "--trainer.limit_test_batches=0")
    assert outcome.code == 0, outcome.err
    metrics = json.loads((outcome.run_dir / "metrics.json").read_text())
    assert 1 <= metrics["best_epoch"] <= metrics["epochs"] == 3
    assert metrics["val/acc"] > 0.5
    assert metrics["seconds"] > 0


@pytest.mark.parametrize("command", ["stats", "prepare"])
def test_short_names_of_callbacks_are_known_to_commands_on_data(
    mlp_lab: CommandLine, command: str
) -> None:
    flags = [callbacks(SWAWeightAveraging={"start_epoch": 2}), "--trainer.logger=MLflowTracker"]
    outcome = mlp_lab(command, "--data.source=Moons", *flags, "--out=moons.pt")
    assert (outcome.code, outcome.err) == (0, "")
