"""Commands in processes of their own, as a user has them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlp_lab.runs.metrics_csv import read_rows
from tests.helpers.processes import children_of, wait_for
from tests.helpers.runs import read_manifest, read_metrics
from tests.helpers.training import assert_same_training

DIGITS = [
    *("--data.source=Digits", "--data.batch_size=16", "--trainer.max_epochs=3"),
    "--figures=false",
    "--onnx=false",
]


def start(*words: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlp_lab", *words],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*words: str, cwd: Path, **environment: str) -> tuple[str, str]:
    """Run a command to its end, which must come within two minutes, and return what it printed."""
    process = start(*words, cwd=cwd, **environment)
    killer = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
    killer.start()
    out, err = process.communicate()
    killer.cancel()
    assert process.returncode == 0, err
    return out, err


@pytest.mark.slow
def test_train_here_test_there(tmp_path: Path) -> None:
    """A run is found from another directory, in a new process, with nothing else on the line."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    out, err = run("fit", *DIGITS, cwd=tmp_path / "here")
    assert err == ""
    run_dir = tmp_path / "here" / out.strip().splitlines()[-1].removeprefix("run: ")
    before = read_metrics(run_dir)
    checkpoint = run_dir / "checkpoints" / "best.ckpt"
    out, err = run("test", "--ckpt_path", str(checkpoint), cwd=tmp_path / "there")
    assert err == ""
    assert read_metrics(run_dir) == before
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.slow
def test_surroundings_change_nothing(tmp_path: Path) -> None:
    """Two runs are equal bit by bit, whatever the directory, locale, time zone and hash seed."""
    surroundings: list[dict[str, str]] = [
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"},
    ]
    runs = []
    for name, environment in zip(("one", "zwei ö"), surroundings, strict=True):
        (tmp_path / name).mkdir()
        run("fit", *DIGITS, "--model.net.dropout=0.2", cwd=tmp_path / name, **environment)
        runs.append(tmp_path / name / "runs" / "base" / "version_0")
    assert_same_training(*runs)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2], ids=["one process", "two processes"])
def test_ctrl_c_reaches_the_whole_group(tmp_path: Path, devices: int) -> None:
    """A terminal sends it to all processes of a command at once."""
    ddp = ["--trainer.accelerator=cpu", f"--trainer.devices={devices}"]
    process = start("fit", *DIGITS, "--trainer.max_epochs=100000", *ddp, cwd=tmp_path)
    run_dir = tmp_path / "runs" / "base" / "version_0"
    wait_for((run_dir / "checkpoints" / "best.ckpt").exists, lambda: process.poll() is None)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; go on with: mlp-lab fit --run_dir runs/base/version_0" in err
    assert read_manifest(run_dir)["status"] == "interrupted"


@pytest.mark.slow
def test_a_killed_process_of_several_is_named(tmp_path: Path) -> None:
    ddp = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    process = start("fit", *DIGITS, "--trainer.max_epochs=100000", *ddp, cwd=tmp_path)
    run_dir = tmp_path / "runs" / "base" / "version_0"
    wait_for((run_dir / "checkpoints" / "best.ckpt").exists, lambda: process.poll() is None)
    (child,) = children_of(process.pid, "fit")
    os.kill(child, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    last = "mlp-lab: error: A process that computes beside this one was ended by SIGKILL, per"
    assert err.splitlines()[-1].startswith(last)
    assert "Traceback" not in err
    assert read_manifest(run_dir)["status"] == "failed"


@pytest.mark.slow
def test_output_that_goes_nowhere(tmp_path: Path) -> None:
    """A closed stream is no reason not to train; a full one is reported, and the run can go on."""
    command = f"{sys.executable} -m mlp_lab fit {' '.join(DIGITS)}"

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    for number, closed in enumerate((">&-", ">&- 2>&-", "<&- >&- 2>&-")):
        done = shell(f"{command} {closed}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert read_manifest(tmp_path / "runs/base" / f"version_{number}")["status"] == "finished"
    sentence = "mlp-lab: error: Standard output could not be written: No space left on device.\n"
    for line in (f"{command} > /dev/full", f"{sys.executable} -m mlp_lab report runs > /dev/full"):
        done = shell(line)
        assert (done.returncode, done.stderr) == (1, sentence)


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    ddp = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
    out, err = run("fit", *DIGITS, *ddp, cwd=tmp_path)
    assert err == ""
    runs = list((tmp_path / "runs" / "base").iterdir())
    assert [run_dir.name for run_dir in runs] == ["version_0"]
    assert out.count("epoch 1/3") == 1
    metrics = read_metrics(runs[0])
    assert sum(map(sum, metrics["test/confusion"])) == 359
    assert metrics["test/acc"] > 0.85
    rows = read_rows(runs[0] / "metrics.csv")
    assert sum(bool(row["train/loss"]) for row in rows) == 3 * 40  # 629 samples each, 16 a batch
    run("fit", *DIGITS, *ddp, "--data.steps_per_execution=1", cwd=tmp_path)
    single_steps = tmp_path / "runs" / "base" / "version_1"
    assert (single_steps / "metrics.csv").read_bytes() == (runs[0] / "metrics.csv").read_bytes()
