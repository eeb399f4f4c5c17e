"""Breaking a run for real: kill, interrupt, diverge, fill the disk. Nothing is torn or lost."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine
from tests.helpers.hostile import MakesDirectory
from tests.helpers.processes import finish, started, wait_for
from tests.helpers.runs import read_manifest, read_metrics
from tests.helpers.slow import some_slow
from tests.helpers.training import assert_same_training, callbacks

FIT = [
    "fit",
    "--data.source=Digits",
    "--data.batch_size=16",
    "--trainer.max_epochs=4",
    "--model.net.dropout=0.2",
    "--figures=false",
    "--onnx=false",
]


def assert_nothing_is_torn(run_dir: Path) -> None:
    for path in run_dir.rglob("*"):
        assert not path.name.endswith(".part"), path
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".ckpt":
            read_checkpoint(path)
        elif path.suffix == ".csv":
            assert path.read_text().endswith("\n")
            assert len({len(row) for row in read_rows(path)}) == 1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that nothing happened to, and how long it took."""
    cwd = tmp_path_factory.mktemp("undisturbed")
    finish(*FIT, cwd=cwd)  # the first one waits for the fork server
    start = time.perf_counter()
    assert finish(*FIT, cwd=cwd) == 0
    return cwd / "runs" / "base" / "version_1", time.perf_counter() - start


def kill_and_resume(undisturbed: tuple[Path, float], cwd: Path, seed: int) -> bool:
    """Kill a fit at a random moment and resume it; return whether there was a run to resume."""
    whole, seconds = undisturbed
    run_dir = cwd / "runs" / "base" / "version_0"
    moment = random.Random(seed).uniform(0, seconds)
    with started(*FIT, cwd=cwd) as process:
        if seed % 4:  # else during start-up too
            wait_for(run_dir.exists, process.is_alive)
        process.join(moment)
    if not run_dir.exists():
        return False
    for checkpoint in run_dir.rglob("*.ckpt"):
        read_checkpoint(checkpoint)
    assert finish("fit", f"--run_dir={run_dir}", cwd=cwd) == 0, (cwd / "err.txt").read_text()
    assert read_manifest(run_dir)["status"] == "finished"
    assert_same_training(whole, run_dir)
    assert_nothing_is_torn(run_dir)
    expected, metrics = (read_metrics(run) for run in (whole, run_dir))
    for key in ("test/acc", "test/loss", "best_epoch", "epochs", "val/acc"):
        assert metrics[key] == expected[key]
    return True


def test_killed_at_random_moments(undisturbed: tuple[Path, float], tmp_path: Path) -> None:
    for seed in range(2):
        cwd = tmp_path / str(seed)
        cwd.mkdir()
        kill_and_resume(undisturbed, cwd, seed)


@pytest.mark.slow
def test_killed_at_fifty_random_moments(undisturbed: tuple[Path, float], tmp_path: Path) -> None:
    resumed = 0
    for seed in range(100, 150):
        cwd = tmp_path / str(seed)
        cwd.mkdir()
        resumed += kill_and_resume(undisturbed, cwd, seed)
    print(f"killed 50 times, {resumed} runs to resume")
    assert resumed > 25


@pytest.mark.parametrize("name", ["manifest.json", "metrics.csv", "checkpoints/last.ckpt"])
def test_killed_before_a_file_was_there(
    undisturbed: tuple[Path, float], tmp_path: Path, name: str
) -> None:
    """What the earliest kills leave: no manifest yet, no metrics yet, no checkpoint yet."""
    copy = Path(shutil.copytree(undisturbed[0], tmp_path / "base" / "version_0"))
    for path in ("checkpoints", "metrics.csv", "metrics.json", "tensorboard", name):
        target = copy / path
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    (copy / ".best.ckpt.123.part").write_bytes(b"half")
    assert finish("fit", f"--run_dir={copy}", cwd=tmp_path) == 0
    assert_same_training(undisturbed[0], copy)
    assert_nothing_is_torn(copy)


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_interrupted_in_order(
    undisturbed: tuple[Path, float], tmp_path: Path, signum: int, code: int
) -> None:
    long = [*FIT, "--trainer.max_epochs=100000"]
    run_dir = tmp_path / "runs" / "base" / "version_0"
    with started(*long, cwd=tmp_path) as process:
        wait_for((run_dir / "checkpoints" / "best.ckpt").exists, process.is_alive)
        assert process.pid is not None
        os.kill(process.pid, signum)
        process.join(60)
        assert process.exitcode == code
    assert read_manifest(run_dir)["status"] == "interrupted"
    assert_nothing_is_torn(run_dir)
    message = "interrupted; go on with: mlp-lab fit --run_dir runs/base/version_0\n"
    assert (tmp_path / "err.txt").read_text() == message
    shorter = ["fit", f"--run_dir={run_dir}", "--trainer.max_epochs=4"]
    epoch = read_checkpoint(run_dir / "checkpoints" / "last.ckpt")["epoch"]
    if epoch < 4:
        assert finish(*shorter, cwd=tmp_path) == 0
        assert_same_training(undisturbed[0], run_dir)


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    slow_end = callbacks("tests.helpers.training.SlowGoodbye")
    long = [*FIT, "--trainer.max_epochs=100000", slow_end]
    run_dir = tmp_path / "runs" / "base" / "version_0"
    with started(*long, cwd=tmp_path) as process:
        wait_for((run_dir / "checkpoints" / "best.ckpt").exists, process.is_alive)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        wait_for((tmp_path / "goodbye").exists, process.is_alive)
        os.kill(process.pid, signal.SIGINT)
        process.join(10)
        assert process.exitcode == 130


@pytest.mark.parametrize("another", some_slow([False, True], [True]))
def test_a_run_that_is_renamed_meanwhile_is_not_begun_again(tmp_path: Path, another: bool) -> None:
    """Nor does it write into the run that has its name now."""
    run_dir = tmp_path / "runs" / "base" / "version_0"
    with started(*FIT, "--trainer.max_epochs=100000", cwd=tmp_path) as process:
        wait_for((run_dir / "checkpoints" / "best.ckpt").exists, process.is_alive)
        os.kill(process.pid or 0, signal.SIGSTOP)
        moved = run_dir.rename(run_dir.with_name("good_one"))
        if another:
            assert finish(*FIT, cwd=tmp_path) == 0
        before = {path: path.read_bytes() for path in run_dir.rglob("*.c*")}
        os.kill(process.pid or 0, signal.SIGCONT)
        process.join(60)
        assert process.exitcode == 1
    error = (tmp_path / "err.txt").read_text()
    assert f"The directory '{run_dir}' was renamed or removed while it was written to." in error
    assert run_dir.exists() == another
    assert read_manifest(moved)["status"] == "failed"
    assert {path: path.read_bytes() for path in run_dir.rglob("*.c*")} == before
    epochs = read_checkpoint(moved / "checkpoints" / "last.ckpt")["epoch"] + 2
    more = f"--trainer.max_epochs={epochs}"
    assert finish("fit", f"--run_dir={moved}", more, cwd=tmp_path) == 0
    assert_nothing_is_torn(moved)


class TestDivergence:
    def test_a_loss_that_is_not_finite_stops_before_the_checkpoint(
        self, mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mlp_lab.tasks import ClassificationTask

        compute_loss = ClassificationTask.training_loss

        def spoil(self: ClassificationTask, outputs: Any, labels: Any) -> torch.Tensor:
            loss = compute_loss(self, outputs, labels)
            return loss * (float("nan") if self.global_step == 100 else 1.0)

        monkeypatch.setattr(ClassificationTask, "training_loss", spoil)
        outcome = mlp_lab(*FIT)
        assert outcome.code == 1
        assert "Training diverged: train/loss is nan at step 101." in outcome.err
        assert "--model.optimizer.lr" in outcome.err
        assert len(outcome.err.splitlines()) == 1
        run_dir = Path("runs/base/version_0")
        assert read_manifest(run_dir)["status"] == "failed"
        for name in ("best.ckpt", "last.ckpt"):
            checkpoint = read_checkpoint(run_dir / "checkpoints" / name)
            assert checkpoint["epoch"] == 0
            assert all(tensor.isfinite().all() for tensor in checkpoint["state_dict"].values())

    def test_an_absurd_learning_rate_is_found_out(self, mlp_lab: CommandLine) -> None:
        outcome = mlp_lab(*FIT, "--model.optimizer=SGD", "--model.optimizer.lr=1e30")
        assert outcome.code == 1
        assert "Training diverged: train/loss is" in outcome.err

    def test_weights_ruined_by_the_last_step_are_found_out(self, mlp_lab: CommandLine) -> None:
        ruin = callbacks("tests.helpers.training.RuinWeights")
        outcome = mlp_lab(*FIT, ruin, "--trainer.limit_val_batches=0")
        assert outcome.code == 1
        assert "Training diverged: a weight is not finite after epoch 1" in outcome.err

    @pytest.mark.parametrize("when", ["check_val_every_n_epoch=2", "val_check_interval=0.5"])
    def test_best_is_not_written_with_ruined_weights(self, mlp_lab: CommandLine, when: str) -> None:
        ruin = callbacks("tests.helpers.training.RuinWeightsBeforeValidation")
        outcome = mlp_lab(*FIT, ruin, f"--trainer.{when}")
        assert outcome.code == 1
        assert "Training diverged" in outcome.err
        checkpoints = Path("runs/base/version_0/checkpoints")
        assert (checkpoints / "last.ckpt").exists()
        assert not (checkpoints / "best.ckpt").exists()


class TestFullDisk:
    def test_a_checkpoint_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        assert finish(*FIT, cwd=tmp_path, file_size_limit=50_000) == 1
        run_dir = tmp_path / "runs" / "base" / "version_0"
        error = (tmp_path / "err.txt").read_text()
        assert "runs/base/version_0/checkpoints/last.ckpt' could not be written: File too" in error
        assert len(error.splitlines()) == 1
        assert read_manifest(run_dir)["status"] == "failed"
        assert_nothing_is_torn(run_dir)
        assert finish("fit", f"--run_dir={run_dir}", cwd=tmp_path) == 0

    def test_metrics_that_cannot_be_written_are_named_and_not_torn(
        self, undisturbed: tuple[Path, float], tmp_path: Path
    ) -> None:
        words = [*FIT, "--trainer.max_epochs=40", "--model.net.hidden_dims=[2]"]
        assert finish(*words, cwd=tmp_path, file_size_limit=40_000) == 1
        error = (tmp_path / "err.txt").read_text()
        assert "metrics.csv' could not be written: File too large" in error
        assert_nothing_is_torn(tmp_path / "runs" / "base" / "version_0")


def test_a_read_only_runs_dir_is_named(mlp_lab: CommandLine, tmp_path: Path) -> None:
    outcome = mlp_lab(*FIT, "--runs_dir=/proc/nowhere")
    assert outcome.code == 2
    assert "No run directory can be made below runs_dir '/proc/nowhere'" in outcome.err


class TestForeignCheckpoints:
    def test_a_pickled_object_is_refused_and_never_run(
        self, mlp_lab: CommandLine, tmp_path: Path
    ) -> None:
        proof = tmp_path / "executed"
        torch.save({"state_dict": {}, "mlp_lab": MakesDirectory(proof)}, tmp_path / "evil.ckpt")
        for command in ("test", "predict", "fit", "validate"):
            outcome = mlp_lab(command, "--ckpt_path=evil.ckpt")
            assert outcome.code == 2
            assert "so it was not loaded" in outcome.err
            assert not proof.exists()

    @pytest.mark.parametrize("size", [0, 1, 100, 10_000])
    def test_a_torn_checkpoint_is_refused(
        self, mlp_lab: CommandLine, digits_run: Path, tmp_path: Path, size: int
    ) -> None:
        whole = (digits_run / "checkpoints" / "best.ckpt").read_bytes()
        (tmp_path / "torn.ckpt").write_bytes(whole[:size])
        outcome = mlp_lab("test", "--ckpt_path=torn.ckpt")
        assert outcome.code == 2
        assert "'torn.ckpt' is" in outcome.err
        assert len(outcome.err.splitlines()) == 1

    def test_something_else_is_refused(self, mlp_lab: CommandLine, tmp_path: Path) -> None:
        torch.save({"weights": torch.zeros(3)}, tmp_path / "other.ckpt")
        (tmp_path / "text.ckpt").write_text("hello, world")
        assert "is no checkpoint of mlp_lab" in mlp_lab("test", "--ckpt_path=other.ckpt").err
        assert "is torn, or no file of tensors" in mlp_lab("test", "--ckpt_path=text.ckpt").err

    @pytest.mark.parametrize("key", ["best_model_path", "kth_best_model_path", "best_k_models"])
    @pytest.mark.parametrize("whose", ["BestCheckpoint", "ModelCheckpoint"])
    def test_what_a_state_names_outside_is_not_deleted(
        self, mlp_lab: CommandLine, tmp_path: Path, whose: str, key: str
    ) -> None:
        keep = callbacks(ModelCheckpoint={"monitor": "val/acc", "mode": "max"})
        words = ["--data.source=Digits", keep]
        run_dir = mlp_lab("fit", *words, "--trainer.max_epochs=1").run_dir
        victim = tmp_path / "victim.ckpt"
        victim.mkdir()
        (victim / "thesis.txt").write_text("all of it")
        last = run_dir / "checkpoints" / "last.ckpt"
        checkpoint = read_checkpoint(last)
        (state_key,) = (k for k in checkpoint["callbacks"] if k.startswith(whose))
        name = os.path.relpath(victim, last.parent)
        state = checkpoint["callbacks"][state_key]
        state[key] = {name: torch.tensor(0.0)} if key == "best_k_models" else name
        torch.save(checkpoint, last)
        outcome = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=3")
        assert outcome.code == 2
        assert f"The checkpoint names the file {name!r}" in outcome.err
        assert (victim / "thesis.txt").read_text() == "all of it"

    def test_a_state_without_its_parts_is_one_sentence(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        last = own_run / "checkpoints" / "last.ckpt"
        checkpoint = read_checkpoint(last)
        del checkpoint["callbacks"]["BestCheckpoint"]["best_k_models"]
        torch.save(checkpoint, last)
        outcome = mlp_lab("fit", f"--run_dir={own_run}", "--trainer.max_epochs=5")
        assert outcome.code == 2
        assert "The checkpoint's state 'BestCheckpoint' is damaged." in outcome.err

    def test_another_net_is_refused(self, mlp_lab: CommandLine, digits_run: Path) -> None:
        outcome = mlp_lab("test", f"--run_dir={digits_run}", "--model.net.hidden_dims=[7]")
        assert outcome.code == 2
        assert "is of another net: net.layers.1.bias is (200,) in it and (7,)" in outcome.err

    def test_another_version_is_a_warning(
        self, mlp_lab: CommandLine, digits_run: Path, tmp_path: Path
    ) -> None:
        checkpoint = read_checkpoint(digits_run / "checkpoints" / "best.ckpt")
        checkpoint["mlp_lab"]["version"] = "0.0.1"
        torch.save(checkpoint, tmp_path / "old.ckpt")
        with pytest.warns(UserWarning, match=r"was written by mlp_lab 0\.0\.1; this is"):
            assert mlp_lab("validate", "--ckpt_path=old.ckpt").code == 0
