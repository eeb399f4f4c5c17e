"""Workers that share trials: killed, stopped, added late; each is trained once, and exactly."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.run import Run, read_json
from tests.conftest import CommandLine
from tests.helpers.postgresql import PASSWORD, postgresql
from tests.helpers.processes import children_of, wait_for
from tests.helpers.runs import assert_nowhere, read_manifests
from tests.helpers.training import assert_same_training

EPOCHS = 120
PATIENCE = 300  # seconds, on a busy machine
FLAGS = ["--data.source=Moons", f"--trainer.max_epochs={EPOCHS}", "--model.net.dropout=0.2"]
GRID = [*FLAGS, "--set=model.optimizer.lr=0.001,0.003,0.01,0.03", "--seeds=0,1"]
SEARCH = f"""
flags: {FLAGS}
seeds: [0, 1]
search:
  model.optimizer.lr: {{low: 0.001, high: 0.1, log: true}}
trials: 4
"""
NUM_RUNS = 8


@contextmanager
def worker(*words: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a sweep's command with one thread; it is killed at the end if it still runs."""
    with (cwd / "out.txt").open("a") as out, (cwd / "err.txt").open("a") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlp_lab", "sweep", *words],
            cwd=cwd,
            stdout=out,
            stderr=err,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def find_log(lab: Path, process: subprocess.Popen[bytes]) -> Path | None:
    """Return the log of the trial that a process trains just now."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            path = link.readlink()
        except FileNotFoundError:
            continue
        if path.parent == lab / "trials" and path.suffix == ".log":
            return path
    return None


def epochs_in(log: Path) -> list[int]:
    return [int(epoch) for epoch in re.findall(r"^epoch +(\d+)/", log.read_text(), re.MULTILINE)]


def is_midway(lab: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether a process is well within a training."""
    log = find_log(lab, process)
    return log is not None and 5 < (epochs_in(log) or [0])[-1] < EPOCHS * 3 // 4


def find_run(log: Path) -> Run:
    return Run(log.parent.parent / read_json(log.with_suffix(".json"))["run"])


def status_of(run: Run) -> str:
    return str(run.read_manifest()["status"])


def num_finished(lab: Path) -> int:
    return [manifest.get("status") for manifest in read_manifests(lab).values()].count("finished")


def disturb(words: list[str], lab: Path, cwd: Path) -> None:
    """Let four workers share a sweep: one is killed, one stopped for a while, one comes late.

    What the killed one was training must go on after the epoch that its checkpoint holds, and what
    the stopped one was training must be left to it.
    """
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(worker(*words, cwd=cwd)) for _ in range(3))
        wait_for(lambda: is_midway(lab, first), lambda: first.poll() is None, PATIENCE)
        log = find_log(lab, first)
        first.kill()
        first.wait()
        assert log is not None
        epochs_before = len(epochs_in(log))
        done = read_checkpoint(find_run(log).last_checkpoint)["epoch"] + 1
        assert 3 < done < EPOCHS

        wait_for(lambda: is_midway(lab, second), lambda: second.poll() is None, PATIENCE)
        second.send_signal(signal.SIGSTOP)
        stopped_log = find_log(lab, second)
        assert stopped_log is not None
        stopped = find_run(stopped_log)
        late = stack.enter_context(worker(*words, cwd=cwd))
        if stopped_log != log:
            wait_for(lambda: status_of(find_run(log)) == "finished", lambda: True, PATIENCE)
            assert epochs_in(log)[epochs_before] == done + 1
        # A search leaves the second seed of a setting to the same worker.
        left = 2 if "--grid=lab.yaml" in words and "_seed_0-" in stopped_log.name else 1
        wait_for(
            lambda: num_finished(lab) == NUM_RUNS - left,
            lambda: late.poll() is None,
            PATIENCE,
        )
        assert status_of(stopped) == "running"
        second.send_signal(signal.SIGCONT)
        assert [process.wait(PATIENCE) for process in (second, third, late)] == [0, 0, 0]
        assert epochs_in(log)[epochs_before] == done + 1
        assert len(epochs_in(log)) == epochs_before + EPOCHS - done
    assert set(read_manifests(lab)) == {f"version_{number}" for number in range(NUM_RUNS)}
    assert num_finished(lab) == NUM_RUNS
    assert (cwd / "err.txt").read_text() == ""


@pytest.mark.slow
def test_a_grid_shared_by_machines_is_trained_once_and_exactly(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    lab = tmp_path / "runs" / "lab"
    with postgresql(tmp_path) as server:
        words = [*GRID, "--storage", server.url, "--experiment=lab"]
        disturb(words, lab, tmp_path)
        trained = re.findall(r"\d/8 .*?(lr \S+  seed \d)", (tmp_path / "out.txt").read_text())
        assert Counter(trained) == Counter({*trained})
        assert len(trained) == NUM_RUNS
        outcome = mlp_lab("sweep", *words)
        assert (outcome.code, outcome.err) == (0, "")
        assert "8 trials, 8 of them done before" in outcome.out
    assert_nowhere(PASSWORD, tmp_path)
    assert mlp_lab("sweep", *GRID, "--experiment=alone").code == 0
    assert_same_runs(lab, tmp_path / "runs" / "alone")


@pytest.mark.slow
def test_a_search_in_a_journal_is_trained_once_and_exactly(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    lab = tmp_path / "runs" / "lab"
    (tmp_path / "lab.yaml").write_text(SEARCH)
    disturb(["--grid=lab.yaml"], lab, tmp_path)
    states = Counter(trial["state"] for trial in read_json(lab / "search.json")["trials"])
    assert states == {"complete": 4}
    for number in range(NUM_RUNS):
        config = lab / f"version_{number}" / "config.yaml"
        assert mlp_lab("fit", "--config", config, "--experiment=alone").code == 0
    assert_same_runs(lab, tmp_path / "runs" / "alone")


def assert_same_runs(lab: Path, alone: Path) -> None:
    """Compare all runs with those of the same setting and seed that nothing has happened to."""
    first, second = (
        {setting_of(path): path for path in directory.glob("version_*")}
        for directory in (lab, alone)
    )
    assert len(first) == NUM_RUNS
    assert first.keys() == second.keys()
    for setting, run in first.items():
        assert_same_training(run, second[setting])


def setting_of(run_dir: Path) -> tuple[str, str]:
    text = (run_dir / "config.yaml").read_text()
    rate, seed = (re.search(rf"^ *{key}: (.*)$", text, re.M) for key in ("lr", "seed_everything"))
    assert rate is not None
    assert seed is not None
    return rate[1], seed[1]


@pytest.mark.slow
def test_processes_of_one_command_take_over_from_a_killed_one(tmp_path: Path) -> None:
    lab = tmp_path / "runs" / "lab"
    (tmp_path / "lab.yaml").write_text(SEARCH.replace("trials: 4", "trials: 2"))
    with worker("--grid=lab.yaml", "--jobs=2", cwd=tmp_path) as process:
        wait_for(
            lambda: len(list(lab.glob("version_*/checkpoints/last.ckpt"))) == 2,
            lambda: process.poll() is None,
            PATIENCE,
        )
        os.kill(children_of(process.pid, "spawn_main")[0], signal.SIGKILL)
        assert process.wait(PATIENCE) == 0
    assert set(read_manifests(lab)) == {f"version_{number}" for number in range(4)}
    assert num_finished(lab) == 4
    assert (tmp_path / "err.txt").read_text() == "a process that trained was ended by SIGKILL\n"


@pytest.mark.slow
def test_an_interrupted_trial_goes_on_at_once(tmp_path: Path) -> None:
    lab = tmp_path / "runs" / "lab"
    words = [*FLAGS, "--seeds=0", "--experiment=lab"]
    with postgresql(tmp_path) as server:
        words += ["--storage", server.url]
        with worker(*words, cwd=tmp_path) as process:
            wait_for(lambda: is_midway(lab, process), lambda: process.poll() is None, PATIENCE)
            process.terminate()
            assert process.wait(60) == 143
        errors = (tmp_path / "err.txt").read_text()
        assert errors.endswith("interrupted; the same command goes on\n")
        run = Run(lab / "version_0")
        assert status_of(run) == "interrupted"
        # Its name is in no trial any longer, so that nobody waits for its heartbeats to end.
        with worker(*words, cwd=tmp_path) as process:
            wait_for(lambda: status_of(run) == "running", lambda: process.poll() is None)
            server.stop()
            wait_for(lambda: status_of(run) == "finished", lambda: process.poll() is None)
            server.start()  # while the worker tries to note it
            assert process.wait(PATIENCE) == 0
        assert list(read_manifests(lab)) == ["version_0"]


@pytest.mark.slow
def test_a_server_that_is_gone_for_good_ends_a_worker_and_loses_nothing(tmp_path: Path) -> None:
    lab = tmp_path / "runs" / "lab"
    words = [*FLAGS, "--seeds=0", "--experiment=lab"]
    with postgresql(tmp_path) as server:
        words += ["--storage", server.url]
        with worker(*words, cwd=tmp_path) as process:
            wait_for(lambda: is_midway(lab, process), lambda: process.poll() is None, PATIENCE)
            server.stop()
            assert process.wait(PATIENCE) == 1
        last = (tmp_path / "err.txt").read_text().splitlines()[-1]
        place = f"storage 'postgresql+psycopg://127.0.0.1:{server.port}/postgres'"
        assert last.startswith(f"mlp-lab: error: {place} cannot be reached: ")
        assert last.endswith("Nothing is lost; the same command goes on.")
        run = Run(lab / "version_0")
        assert status_of(run) == "finished"
        trained = run.read_manifest()
        server.start()
        with worker(*words, cwd=tmp_path) as process:
            assert process.wait(PATIENCE) == 0
        assert run.read_manifest() == trained
        assert list(read_manifests(lab)) == ["version_0"]
    assert_nowhere(PASSWORD, tmp_path)
