"""A training in several processes: how it ends, whoever of them ends first, and how it goes on."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.test_processes import start
from tests.helpers.processes import children_of, is_running, wait_for
from tests.helpers.runs import read_manifest

pytestmark = pytest.mark.slow

FIT = [
    *("fit", "--data.source=Digits", "--data.batch_size=16", "--trainer.accelerator=cpu"),
    *("--trainer.devices=2", "--trainer.max_epochs=100000", "--figures=false", "--onnx=false"),
]
RUN = Path("runs/base/version_0")
GO_ON = "mlp-lab fit --run_dir runs/base/version_0"
LOST = (
    "mlp-lab: error: Another process of this training has ended, perhaps because it was killed. "
    f"Go on with: {GO_ON}\n"
)

# One process waits at a hook; the other one then waits for it in a collective operation.
WAITS = """
import time
from pathlib import Path

import lightning.pytorch as pl


class Waits(pl.Callback):
    def __init__(self, hook: str, rank: int) -> None:
        self.rank = rank
        setattr(self, hook, self.wait)

    def wait(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        while trainer.global_rank == self.rank:
            Path("waits").touch()
            time.sleep(0.01)
"""


@contextmanager
def fitting(
    cwd: Path, *words: str, is_there: str = "runs/base/version_0/checkpoints/best.ckpt"
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield a training of two processes, the first and the other one, once a file is there."""
    first = start(*FIT, *words, cwd=cwd)
    try:
        wait_for((cwd / is_there).exists, lambda: first.poll() is None)
        (other,) = children_of(first.pid, "fit")
        yield first, other
    finally:
        if first.poll() is None:
            os.killpg(first.pid, signal.SIGKILL)


def end_of(first: subprocess.Popen[str], other: int) -> tuple[int, str]:
    """Return the exit code and what was printed as errors; both processes must end in time."""
    deadline = time.monotonic() + 10
    _, err = first.communicate(timeout=10)
    wait_for(lambda: not is_running(other), lambda: time.monotonic() < deadline)
    return first.returncode, err


def send(signum: signal.Signals, to: str, first: subprocess.Popen[str], other: int) -> None:
    match to:
        case "the first":
            os.kill(first.pid, signum)
        case "the other":
            os.kill(other, signum)
        case "both":
            os.killpg(first.pid, signum)


@pytest.mark.parametrize("waiting", [0, 1], ids=["first waits", "other waits"])
@pytest.mark.parametrize("hook", ["on_sanity_check_end", "on_train_epoch_end"])
@pytest.mark.parametrize("to", ["the first", "the other", "both"])
def test_an_interruption_ends_all(tmp_path: Path, to: str, hook: str, waiting: int) -> None:
    """Whichever gets the signal, in Python or in a collective operation."""
    (tmp_path / "waits.py").write_text(WAITS)
    callback = f'{{"class_path":"waits.Waits","init_args":{{"hook":"{hook}","rank":{waiting}}}}}'
    words = [f"--trainer.callbacks={callback}", "--trainer.num_sanity_val_steps=2"]
    with fitting(tmp_path, *words, is_there="waits") as (first, other):
        send(signal.SIGTERM, to, first, other)
        assert end_of(first, other) == (143, f"interrupted; go on with: {GO_ON}\n")
    assert read_manifest(tmp_path / RUN)["status"] == "interrupted"


@pytest.mark.parametrize(
    ("signum", "to"), [(signal.SIGINT, "the first"), (signal.SIGHUP, "the other")]
)
def test_any_signal_that_ends(tmp_path: Path, signum: signal.Signals, to: str) -> None:
    with fitting(tmp_path) as (first, other):
        send(signum, to, first, other)
        assert end_of(first, other) == (128 + signum, f"interrupted; go on with: {GO_ON}\n")
    assert read_manifest(tmp_path / RUN)["status"] == "interrupted"


def test_a_process_that_hangs_does_not_keep_the_first(tmp_path: Path) -> None:
    with fitting(tmp_path) as (first, other):
        os.kill(other, signal.SIGSTOP)
        send(signal.SIGINT, "the first", first, other)
        assert end_of(first, other) == (130, f"interrupted; go on with: {GO_ON}\n")
    assert read_manifest(tmp_path / RUN)["status"] == "interrupted"


def test_when_the_first_is_killed_the_other_records_it(tmp_path: Path) -> None:
    with fitting(tmp_path) as (first, other):
        send(signal.SIGKILL, "the first", first, other)
        assert end_of(first, other) == (-signal.SIGKILL, LOST)
    assert read_manifest(tmp_path / RUN)["status"] == "failed"
