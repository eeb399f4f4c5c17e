"""A run that was killed goes on bit by bit, whatever its configuration."""

import itertools
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from mlp_lab.callbacks import step_metrics
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.training import hardware
from tests.conftest import CommandLine
from tests.helpers.processes import finish, started
from tests.helpers.runs import read_manifest
from tests.helpers.training import callbacks, killed_at_step, same_tensors

FIT = ["fit", "--data.source=Digits", "--data.batch_size=32", "--figures=false", "--onnx=false"]
KEEP_TWO = {"monitor": "val/acc", "mode": "max", "save_top_k": 2}

CASES: dict[str, tuple[list[str], int]] = {
    "max_steps, before an epoch": (["--trainer.max_steps=77"], 30),
    "max_steps, within the last": (["--trainer.max_steps=77", "--trainer.max_epochs=-1"], 50),
    "accumulation": (["--trainer.accumulate_grad_batches=3", "--trainer.max_epochs=3"], 20),
    "accumulation by epoch": (
        [
            callbacks(GradientAccumulationScheduler={"scheduling": {0: 2, 1: 3}}),
            "--trainer.max_epochs=3",
        ],
        25,
    ),
    "two checkpoints": ([callbacks(ModelCheckpoint=KEEP_TWO), "--trainer.max_epochs=4"], 130),
    "an end without validation": (
        [callbacks(ModelCheckpoint=KEEP_TWO), "--trainer.max_steps=100"],
        90,
    ),
    "LBFGS": (
        ["--model.optimizer=LBFGS", "--trainer.limit_train_batches=3", "--trainer.max_epochs=2"],
        4,
    ),
}


def assert_same_run(first: Path, second: Path) -> None:
    """Compare all files that a training writes, and all that its checkpoints hold but seconds."""
    files = [
        sorted(str(path.relative_to(run)) for path in run.rglob("*.c*") if path.is_file())
        for run in (first, second)
    ]
    assert files[0] == files[1]
    for name in files[0]:
        if name.endswith(".csv"):
            assert (first / name).read_bytes() == (second / name).read_bytes()
        if not name.endswith(".ckpt"):
            continue
        one, two = (read_checkpoint(run / name) for run in (first, second))
        for checkpoint in (one, two):
            del checkpoint["mlp_lab"]["config"], checkpoint["mlp_lab"]["model"]
            del checkpoint["callbacks"]["Stopwatch"], checkpoint["loops"]
        for key in one.keys() | two.keys():
            assert same_tensors(one[key], two[key]), (name, key)


@pytest.mark.parametrize(("words", "step"), CASES.values(), ids=CASES)
def test_a_killed_run_goes_on_bit_by_bit(mlp_lab: CommandLine, words: list[str], step: int) -> None:
    whole = mlp_lab(*FIT, *words).run_dir
    with killed_at_step(step):
        mlp_lab(*FIT, *words)
    killed = Path("runs/base/version_1").rename("runs/base/version_7")
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_run(whole, killed)


def test_a_row_is_a_step_whenever_it_is_written(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a step gathers several batches, its row has their means."""
    few = ["--trainer.limit_train_batches=7", "--trainer.max_epochs=2"]
    each = read_rows(mlp_lab(*FIT, *few, "--model.optimizer.lr=0").run_dir / "metrics.csv")
    runs = []
    for seconds in (0.0, 1e9):
        monkeypatch.setattr(step_metrics, "_SECONDS_BETWEEN_FLUSHES", seconds)
        words = ["--trainer.accumulate_grad_batches=3", "--model.optimizer.lr=0"]
        runs.append(mlp_lab(*FIT, *few, *words).run_dir)
    first, second = ((run / "metrics.csv").read_bytes() for run in runs)
    assert first == second
    rows = [row for row in read_rows(runs[0] / "metrics.csv") if row["train/loss"]]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    losses = [float(row["train/loss"]) for row in each if row["train/loss"]]
    assert float(rows[0]["train/loss"]) == pytest.approx(sum(losses[:3]) / 3)
    assert float(rows[2]["train/loss"]) == pytest.approx(losses[6])  # what was left of the epoch


def test_a_run_goes_on_with_the_threads_it_began_with(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "max_threads", lambda: 2)
    run_dir = mlp_lab(*FIT, "--trainer.max_epochs=1", "--threads=2").run_dir
    manifest = read_manifest(run_dir)
    assert manifest["threads"] == 2
    resumed = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=2")
    assert "on cpu, 2 threads\n" in resumed.out  # where one is enough for the net
    changed = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=3", "--threads=1")
    assert changed.code == 2
    assert "threads is not what the run began with" in changed.err
    torch.set_num_threads(1)


# Where training and validation end, what is kept, and how the weights move.
ends = st.sampled_from(
    [
        *(["--trainer.max_epochs=3"], ["--trainer.max_steps=77"], ["--trainer.max_steps=100"]),
        ["--trainer.max_epochs=4", "--trainer.check_val_every_n_epoch=2"],
        ["--trainer.max_epochs=3", "--trainer.val_check_interval=0.5"],
        ["--trainer.max_epochs=3", "--trainer.accumulate_grad_batches=3"],
        ["--trainer.max_epochs=3", "--trainer.limit_train_batches=7"],
        ["--trainer.max_epochs=3", "--trainer.gradient_clip_val=0.5"],
    ]
)
kept = st.sampled_from(
    [
        {},
        {"ModelCheckpoint": KEEP_TWO},
        {"ModelCheckpoint": {"save_top_k": -1, "filename": "{epoch}"}},
        {"EarlyStopping": {"monitor": "val/acc", "mode": "max", "patience": 1}},
        {"EarlyStopping": {"monitor": "val/loss"}, "ModelCheckpoint": KEEP_TWO},
        {"EMAWeightAveraging": {"decay": 0.9}},
        {"SWAWeightAveraging": {"start_epoch": 2}},
        {"GradientAccumulationScheduler": {"scheduling": {0: 2, 1: 3}}},
        {"LearningRateSearch": {"num_training_steps": 21}},
    ]
)
moves = st.sampled_from(
    [
        *([], ["--model.optimizer=SGD", "--model.optimizer.momentum=0.9"]),
        ["--model.schedule=Plateau", "--model.schedule.patience=0"],
        ["--model.schedule=OneCycle"],
        ["--model.optimizer=LBFGS"],
        ["--model.net.dropout=0.3", "--model.net.batch_norm=before", "--data.augment=[PadCrop]"],
        ["--model.net=CNN", "--model.net.channels=[4]"],
        ["--data.augment=[Mixup]"],
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize("trials", [30])
def test_random_configurations_are_killed_and_go_on(tmp_path: Path, trials: int) -> None:
    """``kill -9`` at a random moment, from the first import on, of whatever trains at all."""
    numbers = itertools.count()
    counts = {"refused": 0, "killed before there was a run": 0, "resumed": 0}

    @settings(
        max_examples=trials,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @seed(17)
    @given(ends, kept, moves, st.integers(1, 2), st.integers(0, 2**32 - 1))
    def try_one(
        end: list[str], keep: dict[str, Any], move: list[str], num_threads: int, number: int
    ) -> None:
        cwd = tmp_path / str(next(numbers))
        cwd.mkdir()
        words = [*FIT, *end, *move, callbacks(**keep), f"--seed_everything={number}"]
        begin = time.monotonic()
        code = finish(*words, "--experiment=whole", cwd=cwd, num_threads=num_threads)
        seconds = time.monotonic() - begin
        if code == 2:  # what cannot go together
            counts["refused"] += 1
            return
        assert code == 0, (cwd / "err.txt").read_text()
        killed = [*words, "--experiment=killed"]
        with started(*killed, cwd=cwd, num_threads=num_threads) as process:
            process.join(random.Random(number).uniform(0, seconds))
        run_dir = cwd / "runs" / "killed" / "version_0"
        if not run_dir.exists():
            counts["killed before there was a run"] += 1
            return
        assert finish("fit", f"--run_dir={run_dir}", cwd=cwd) == 0, (cwd / "err.txt").read_text()
        assert_same_run(cwd / "runs" / "whole" / "version_0", run_dir)
        counts["resumed"] += 1
        shutil.rmtree(cwd)

    try_one()
    print(f"{trials} random configurations: {counts}")
    assert counts["resumed"] > trials / 3
