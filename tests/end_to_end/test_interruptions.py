"""Ctrl-C and SIGTERM at random moments, from the first import to the last report."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlp_lab.processes.signals import exit_code
from tests.helpers.processes import finish, started
from tests.helpers.runs import read_manifest
from tests.helpers.training import assert_same_training

FIT = ["fit", "--data.source=Moons", "--trainer.max_epochs=6", "--model.net.dropout=0.2"]
COLD_EVERY = 5  # how often a process of its own is started, which takes seconds to import


def run_cold(words: list[str], cwd: Path, signum: int, moment: float) -> int:
    """Start a command as a user does, signal it, and return its exit code."""
    with (cwd / "out.txt").open("w") as out, (cwd / "err.txt").open("w") as err:
        command = [sys.executable, "-m", "mlp_lab", *words]
        with subprocess.Popen(command, cwd=cwd, stdout=out, stderr=err) as process:
            try:
                return process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signum)
                return process.wait(60)


def run_warm(words: list[str], cwd: Path, signum: int, moment: float) -> int:
    """Start a command in the fork server, signal it, and return its exit code."""
    with started(*words, cwd=cwd) as process:
        process.join(moment)
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signum)
        process.join(60)
        assert process.exitcode is not None, "it does not end"
        return process.exitcode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A run that nothing happened to, and how long it took cold and warm."""
    cwd = tmp_path_factory.mktemp("undisturbed")
    finish(*FIT, cwd=cwd)  # the first one waits for the fork server
    start = time.perf_counter()
    assert finish(*FIT, cwd=cwd) == 0
    warm = time.perf_counter() - start
    return cwd / "runs" / "base" / "version_1", {"warm": warm, "cold": warm + 4}


def interrupt(
    undisturbed: tuple[Path, dict[str, float]], cwd: Path, signum: signal.Signals, seed: int
) -> str:
    """Interrupt a fit at a random moment, look at what is left, and go on with it."""
    whole, seconds = undisturbed
    cwd.mkdir()
    kind = "warm" if seed % COLD_EVERY else "cold"
    moment = random.Random(seed).uniform(0, seconds[kind])
    code = (run_warm if kind == "warm" else run_cold)(FIT, cwd, signum, moment)
    error = (cwd / "err.txt").read_text() if (cwd / "err.txt").exists() else ""
    run_dir = cwd / "runs" / "base" / "version_0"
    has_manifest = (run_dir / "manifest.json").exists()
    status = read_manifest(run_dir).get("status", "none") if has_manifest else "none"
    if not run_dir.exists():
        # Before Python has come to mlp_lab it does as it always does.
        assert code in (exit_code(signum), -signum), error
        return "before there was a run"
    assert "Traceback" not in error
    if code == 0 or status == "finished":
        assert status == "finished"
        assert code in (0, exit_code(signum), -signum)
    else:
        assert code == exit_code(signum), error
        assert status in ("none", "interrupted")
        assert ("go on with: mlp-lab fit --run_dir" in error) == (status == "interrupted")
    if seed % 2:
        assert finish("fit", f"--run_dir={run_dir}", cwd=cwd) == 0, (cwd / "err.txt").read_text()
        assert read_manifest(run_dir)["status"] == "finished"
        assert_same_training(whole, run_dir)
    return status


@pytest.mark.slow
@pytest.mark.parametrize("trials", [50])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_at_random_moments(
    undisturbed: tuple[Path, dict[str, float]], tmp_path: Path, signum: signal.Signals, trials: int
) -> None:
    seeds = range(1, trials + 1)
    left = Counter(interrupt(undisturbed, tmp_path / str(seed), signum, seed) for seed in seeds)
    print(f"{signum.name} {trials} times: {dict(left)}")
