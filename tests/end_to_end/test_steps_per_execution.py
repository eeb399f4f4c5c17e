"""Several steps as one: faster, and the same bit by bit; refused by name where it cannot be."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from operator import methodcaller
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as pl
import pytest
import torch
import yaml
from torch.utils._python_dispatch import TorchDispatchMode

from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.training.checks import STEPS_OF_SMALL_NETS
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.slow import some_slow
from tests.helpers.town_table import FLAGS, make_rows, write_table
from tests.helpers.training import (
    assert_same_training,
    callbacks,
    killed_at_step,
)

FIT = ["fit", "--data.source=Digits", "--data.batch_size=32", "--trainer.max_epochs=3"]

STEPS = 40  # an epoch

EVERYTHING_DRAWN = ["--model.net.dropout=0.3", "--model.net.batch_norm=before"]

SETTINGS: dict[str, list[str]] = {
    "plain": [],
    "drawn": EVERYTHING_DRAWN,
    "schedule by step": ["--model.schedule=OneCycle"],
    "schedule by epoch": ["--model.schedule=Cosine", "--model.schedule.by=epoch"],
    "plateau": ["--model.schedule=Plateau", "--model.schedule.patience=0"],
    "momentum": ["--model.optimizer=SGD", "--model.optimizer.momentum=0.9"],
    "weighted": ["--data.class_weights=balanced", "--model.label_smoothing=0.1"],
    "clipped by norm": ["--trainer.gradient_clip_val=0.05", "--model.optimizer=SGD"],
    "clipped by value": [
        "--trainer.gradient_clip_val=0.01",
        "--trainer.gradient_clip_algorithm=value",
        "--model.optimizer=SGD",
    ],
    "mixed precision": ["--trainer.precision=bf16-mixed"],
}


def assert_same_but_for_executions(first: Path, second: Path) -> None:
    """Compare bit by bit all but Lightning's own counters."""
    assert_same_training(first, second)
    figures = [read_metrics(run) for run in (first, second)]
    for figure in figures:
        del figure["seconds"], figure["images_per_second"]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    "setting",
    some_slow(SETTINGS, ["plain", "drawn", "plateau", "clipped by norm", "mixed precision"]),
)
def test_numbers_are_the_same_bit_by_bit(mlp_lab: CommandLine, setting: str) -> None:
    runs = []
    for steps in (1, 7):  # the last execution of an epoch is a smaller one
        outcome = mlp_lab(*FIT, *SETTINGS[setting], f"--data.steps_per_execution={steps}")
        assert outcome.code == 0, outcome.err
        runs.append(outcome.run_dir)
    assert_same_but_for_executions(*runs)


@pytest.mark.parametrize("one_hot", [2, 16], ids=["learned", "fixed"])
@pytest.mark.parametrize("target", ["bought", "age"])
def test_tables_too(mlp_lab: CommandLine, tmp_path: Path, one_hot: int, target: str) -> None:
    """A list's columns are encoded in one go where none is a learned vector.

    Sums in a narrow net hang on where in memory a batch begins, so its size is an odd one.
    """
    rows = [row for row in make_rows() if "?" not in row]
    path = write_table(tmp_path / "town.csv", rows)
    words = [*FLAGS, f"--data.source.path={path}", f"--data.source.target={target}"]
    words += [f"--model.encoding.one_hot_up_to={one_hot}", "--model.net.hidden_dims=[8]"]
    words += ["--data.batch_size=25", "--trainer.max_epochs=2"]
    words += ["--model=RegressionTask"] if target == "age" else []
    steps = [f"--data.steps_per_execution={num}" for num in (1, 4)]
    runs = [mlp_lab("fit", *words, num).run_dir for num in steps]
    assert_same_but_for_executions(*runs)


class LogsEachEpoch(pl.Callback):
    """Log a number of one's own, as any callback may."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log it."""
        pl_module.log("mine", 1.0)


@pytest.mark.parametrize("steps", [1, 7])
def test_what_a_callback_logs_stands_at_its_step(mlp_lab: CommandLine, steps: int) -> None:
    words = [
        f"--trainer.callbacks+={__name__}.LogsEachEpoch",
        f"--data.steps_per_execution={steps}",
    ]
    rows = read_rows(mlp_lab(*FIT, *words).run_dir / "metrics.csv")
    for name in ("mine", "val/loss"):
        assert [int(row["step"]) for row in rows if row.get(name)] == [STEPS, 2 * STEPS, 3 * STEPS]


@pytest.mark.parametrize("setting", some_slow(["drawn", "schedule by step", "plateau"], ["drawn"]))
def test_a_stopped_run_goes_on_bit_by_bit(mlp_lab: CommandLine, setting: str) -> None:
    words = [*FIT, *SETTINGS[setting], "--data.steps_per_execution=7"]
    whole = mlp_lab(*words).run_dir
    with killed_at_step(60):
        mlp_lab(*words)
    killed = whole.parent / "version_1"
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)


def test_validate_counts_batches(mlp_lab: CommandLine) -> None:
    run_dir = mlp_lab(*FIT, "--data.steps_per_execution=7").run_dir
    whole = mlp_lab("validate", f"--run_dir={run_dir}").out
    first = mlp_lab("validate", f"--run_dir={run_dir}", "--trainer.limit_val_batches=1").out
    assert f"{read_metrics(run_dir)['val/acc']:.4f}" in whole
    numbers = [float(text) for text in re.findall(r"\d\.\d{4}", first)]
    assert any(number * 32 == pytest.approx(round(number * 32), abs=2e-3) for number in numbers)


def test_steps_and_epochs_are_counted_as_ever(mlp_lab: CommandLine) -> None:
    rows = read_rows(mlp_lab(*FIT, "--data.steps_per_execution=7").run_dir / "metrics.csv")
    steps = [(int(row["epoch"]), int(row["step"])) for row in rows if row["train/loss"]]
    assert steps == [(1 + n // STEPS, n + 1) for n in range(3 * STEPS)]
    validations = [(int(row["epoch"]), int(row["step"])) for row in rows if row["val/acc"]]
    assert validations == [(n, n * STEPS) for n in (1, 2, 3)]


class EachBatch(pl.Callback):
    """Wants to see every batch."""

    def on_train_batch_end(self, *args: Any) -> None:
        assert isinstance(args[3][0], type(args[3][1]))  # inputs and labels, no list of batches


class EachEpoch(pl.Callback):
    """Wants to see every epoch."""

    def on_train_epoch_end(self, *args: Any) -> None:
        return


class BackwardHooks(pl.Callback):
    """Counts what goes on around each backward pass, and doubles the gradients."""

    counts: ClassVar[list[int]] = [0, 0, 0]

    def on_before_backward(self, *_: Any) -> None:
        self.counts[0] += 1

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.counts[1] += 1
        for parameter in pl_module.parameters():
            if parameter.grad is not None:
                parameter.grad *= 2

    def on_before_optimizer_step(self, *_: Any) -> None:
        self.counts[2] += 1


def test_hooks_of_the_backward_pass_are_called_at_each_step(mlp_lab: CommandLine) -> None:
    words = [f"--trainer.callbacks={__name__}.BackwardHooks", "--model.optimizer=SGD"]
    runs = []
    for steps in (1, 7):
        BackwardHooks.counts[:] = [0, 0, 0]
        runs.append(mlp_lab(*FIT, *words, f"--data.steps_per_execution={steps}").run_dir)
        assert BackwardHooks.counts == [3 * STEPS] * 3
    assert_same_but_for_executions(*runs)
    without = mlp_lab(*FIT, words[1]).run_dir
    assert (without / "metrics.csv").read_bytes() != (runs[0] / "metrics.csv").read_bytes()


class NoReading(pl.Callback):
    """Lets nothing wait for the device from the first step of an epoch to the last."""

    READERS = ("item", "tolist", "cpu", "numpy")

    def __init__(self) -> None:
        self.guard = ExitStack()
        self.num_steps = 0

    def on_before_backward(self, *args: Any) -> None:
        self.num_steps += 1
        if self.num_steps % STEPS == 1:
            self.begin()
        elif self.num_steps % STEPS == 0:
            self.guard.close()

    def on_exception(self, *args: Any) -> None:
        self.guard.close()

    def begin(self) -> None:
        patch = self.guard.enter_context(pytest.MonkeyPatch.context())
        for name in self.READERS:
            patch.setattr(torch.Tensor, name, self.refuse)
        self.guard.enter_context(RefuseScalars())  # type: ignore[no-untyped-call]  # torch leaves it so

    @staticmethod
    def refuse(*_: Any) -> None:
        raise AssertionError("a number was read off the device within an epoch")


class RefuseScalars(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it so
    """Finds what reads a number without saying so: float(tensor), if tensor, and the like."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            NoReading.refuse()
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("steps", [1, 16])
@pytest.mark.parametrize("setting", ["plain", "drawn", "schedule by step", "momentum", "weighted"])
def test_no_step_waits_for_the_device(mlp_lab: CommandLine, steps: int, setting: str) -> None:
    watched = [callbacks(f"{__name__}.NoReading"), f"--data.steps_per_execution={steps}"]
    outcome = mlp_lab(*FIT, *SETTINGS[setting], *watched, "--trainer.max_epochs=2")
    assert outcome.code == 0, outcome.err


def test_the_guard_finds_what_reads_a_number() -> None:
    readers: list[Callable[[Any], Any]] = [float, bool, *map(methodcaller, NoReading.READERS)]
    for read in readers:
        watched = NoReading()
        watched.begin()
        tensor = torch.ones(())
        with pytest.raises(AssertionError, match="read off the device"):
            read(tensor)
        watched.guard.close()
        assert float(tensor) == 1


SINGLE_STEPS = {
    "--trainer.accumulate_grad_batches=2": "trainer.accumulate_grad_batches 2",
    "--trainer.max_steps=10": "trainer.max_steps 10",
    "--trainer.limit_train_batches=4": "trainer.limit_train_batches 4",
    "--trainer.limit_val_batches=4": "trainer.limit_val_batches 4",
    "--trainer.val_check_interval=0.5": "trainer.val_check_interval 0.5",
    "--trainer.overfit_batches=1": "trainer.overfit_batches 1",
    "--trainer.fast_dev_run=true": "trainer.fast_dev_run True",
    "--model.optimizer=LBFGS": "model.optimizer, whose step evaluates the loss several times,",
    callbacks(f"{__name__}.EachBatch"): "the callback EachBatch",
}


def used_steps(run_dir: Path) -> Any:
    return yaml.safe_load((run_dir / "config.yaml").read_text())["data"]["steps_per_execution"]


def test_by_default_as_many_as_are_useful(mlp_lab: CommandLine) -> None:
    for words in ([], [f"--trainer.callbacks={__name__}.EachEpoch"]):
        assert used_steps(mlp_lab(*FIT, *words).run_dir) == STEPS_OF_SMALL_NETS


@pytest.mark.parametrize("flag", SINGLE_STEPS)
def test_what_needs_single_steps_gets_them(mlp_lab: CommandLine, flag: str) -> None:
    few = ["--data.test_fraction=0.6"] if "LBFGS" in flag else []  # 20 evaluations a step
    words = ["--trainer.max_epochs=1", "--trainer.limit_test_batches=1", *few]
    outcome = mlp_lab(*FIT, *words, flag)
    assert outcome.err == ""
    if "fast_dev_run" not in flag:
        runs = sorted(Path("runs/base").iterdir())
        assert used_steps(runs[-1]) == 1


@pytest.mark.parametrize("flag", SINGLE_STEPS)
def test_what_needs_single_steps_is_named(mlp_lab: CommandLine, flag: str) -> None:
    outcome = mlp_lab(*FIT, flag, "--data.steps_per_execution=4")
    assert outcome.code == 2
    assert outcome.err == (
        f"mlp-lab: error: data.steps_per_execution is 4, which {SINGLE_STEPS[flag]} does not "
        "allow: it needs every single step. Leave one of the two out.\n"
    )
    assert not Path("runs").exists()
