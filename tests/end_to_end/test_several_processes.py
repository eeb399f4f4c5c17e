"""A training in several processes: how it ends, whoever of them ends first, and how it goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from mlp_lab.runs.checkpoint import read_checkpoint
from tests.end_to_end.test_processes import run, start
from tests.helpers.processes import children_of, free_port, is_running, wait_for
from tests.helpers.runs import read_manifest
from tests.helpers.training import assert_same_training

pytestmark = pytest.mark.slow

FIT = [
    *("fit", "--data.source=Digits", "--data.batch_size=16", "--trainer.accelerator=cpu"),
    *("--trainer.devices=2", "--trainer.max_epochs=100000", "--figures=false", "--onnx=false"),
]
SHORT = ["--trainer.max_epochs=40"]
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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of two processes that nothing has stopped."""
    cwd = tmp_path_factory.mktemp("undisturbed")
    run(*FIT, *SHORT, cwd=cwd)
    return cwd / RUN


def test_two_processes_learn_what_one_does(undisturbed: Path, tmp_path: Path) -> None:
    run(*FIT, *SHORT, "--trainer.devices=1", "--data.batch_size=32", cwd=tmp_path)
    one, two = (
        read_checkpoint(directory / "checkpoints" / "last.ckpt")["state_dict"]
        for directory in (tmp_path / RUN, undisturbed)
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5)


def test_an_interrupted_training_of_two_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    with fitting(tmp_path, *SHORT) as (first, other):
        wait_for_rows(tmp_path)
        send(signal.SIGTERM, "the first", first, other)
        assert end_of(first, other)[0] == 143
    run("fit", "--run_dir", str(RUN), cwd=tmp_path)
    assert_same_training(tmp_path / RUN, undisturbed)


def wait_for_rows(cwd: Path) -> None:
    """Wait until a training is in its third epoch."""
    metrics = cwd / RUN / "metrics.csv"
    wait_for(lambda: metrics.is_file() and metrics.read_text().count("\n") > 2 * 40 + 10)


def find_rank(agents: list[subprocess.Popen[bytes]], rank: int) -> int:
    """Return the process of a rank."""
    for agent in agents:
        for pid in children_of(agent.pid, "fit"):
            if f"\0RANK={rank}\0" in Path(f"/proc/{pid}/environ").read_text():
                return pid
    raise AssertionError(f"no rank {rank}")


@contextmanager
def torchrun_agents(
    cwd: Path, num_agents: int, *words: str, max_restarts: int = 0
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start two processes by one torchrun, or by two as on two machines; all are ended after.

    What they print goes to ``printed`` in ``cwd``.
    """
    if num_agents == 1:
        launch = ["--standalone", "--nproc-per-node=2"]
    else:
        endpoint = f"--rdzv-endpoint=127.0.0.1:{free_port()}"
        launch = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", endpoint]
        words = (*words, "--threads=1")  # each takes all cores of its machine for its own
    devices = [f"--trainer.devices={2 // num_agents}", f"--trainer.num_nodes={num_agents}"]
    launch += [f"--max-restarts={max_restarts}", "-m", "mlp_lab", *FIT, *devices, *words]
    command = [sys.executable, "-m", "torch.distributed.run", *launch]
    with (cwd / "printed").open("a") as printed:
        agents = [
            subprocess.Popen(command, cwd=cwd, stdout=printed, stderr=printed)
            for _ in range(num_agents)
        ]
    try:
        yield agents
    finally:
        for agent in agents:
            for pid in children_of(agent.pid, "fit") if agent.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
            agent.kill()
            agent.wait()


@pytest.mark.parametrize("num_agents", [1, 2])
def test_torchrun_trains_as_devices_do(undisturbed: Path, tmp_path: Path, num_agents: int) -> None:
    with torchrun_agents(tmp_path, num_agents, *SHORT) as agents:
        assert [agent.wait(120) for agent in agents] == [0] * num_agents
    assert [directory.name for directory in (tmp_path / RUN.parent).iterdir()] == ["version_0"]
    assert_same_training(tmp_path / RUN, undisturbed)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("num_agents", [1, 2])
def test_a_restart_by_torchrun_goes_on(
    undisturbed: Path, tmp_path: Path, num_agents: int, rank: int
) -> None:
    """No id is typed; with two agents, one counts a restart and the other may count none."""
    with torchrun_agents(tmp_path, num_agents, *SHORT, max_restarts=1) as agents:
        wait_for_rows(tmp_path)
        os.kill(find_rank(agents, rank), signal.SIGKILL)
        assert [agent.wait(120) for agent in agents] == [0] * num_agents
    assert [directory.name for directory in (tmp_path / RUN.parent).iterdir()] == ["version_0"]
    assert_same_training(tmp_path / RUN, undisturbed)


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGKILL, "failed"), (signal.SIGTERM, "interrupted")]
)
@pytest.mark.parametrize("rank", [0, 1])
def test_one_of_torchruns_processes_ends(
    tmp_path: Path, rank: int, signum: signal.Signals, status: str
) -> None:
    """Its own agent alone knows why it has; the other one's process must find out."""
    with torchrun_agents(tmp_path, 2) as agents:
        wait_for_rows(tmp_path)
        os.kill(find_rank(agents, rank), signum)
        assert [agent.wait(30) for agent in agents] == [1, 1]
    printed = (tmp_path / "printed").read_text()
    assert read_manifest(tmp_path / RUN)["status"] == status
    again = f"{GO_ON}, started by torchrun as before\n"
    lost = LOST.replace(f"{GO_ON}\n", again) in printed
    assert (lost, f"interrupted; go on with: {again}" in printed) == (
        status == "failed",
        status != "failed",
    )


def start_tasks(cwd: Path, **environment: str) -> list[subprocess.Popen[str]]:
    """Start two processes with the variables that srun gives the tasks of a step."""
    step = {
        **{"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "lab", "SLURM_STEP_ID": "0"},
        **{"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1"},
        **{"SLURM_NODELIST": "127.0.0.1", "SLURM_NODEID": "0", "MASTER_PORT": str(free_port())},
    }
    return [
        start(
            *FIT,
            *SHORT,
            cwd=cwd,
            **{**step, **environment, "SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)},
        )
        for task in range(2)
    ]


def test_a_requeued_job_of_slurm_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    """SLURM itself is not here; it would send SIGTERM to the tasks, and start them again."""
    tasks = start_tasks(tmp_path)
    wait_for_rows(tmp_path)
    for task in tasks:
        task.send_signal(signal.SIGTERM)
    for task in tasks:
        task.communicate(timeout=10)
        assert task.returncode == 143
    assert read_manifest(tmp_path / RUN)["status"] == "interrupted"
    for task in start_tasks(tmp_path, SLURM_RESTART_COUNT="1"):
        _, err = task.communicate(timeout=120)
        assert task.returncode == 0, err
    assert [directory.name for directory in (tmp_path / RUN.parent).iterdir()] == ["version_0"]
    assert_same_training(tmp_path / RUN, undisturbed)
    assert [*tmp_path.rglob("hpc_ckpt*")] == []
