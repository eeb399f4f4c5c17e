"""How a training ends is in its manifest, and in one sentence."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from mlp_lab.callbacks import RunRecord
from mlp_lab.errors import ConfigError, WorkerError
from mlp_lab.files.atomic import keep_to, let_go
from mlp_lab.loggers import CSVLogger
from mlp_lab.processes.signals import Interrupted, signals_that_end
from mlp_lab.runs.run import Run, Status
from mlp_lab.training import group
from mlp_lab.training.supervision import resume_command, supervise
from tests.helpers.training import fake_trainer


class ClosedLogger(CSVLogger):
    is_closed = False

    def __init__(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def trainer() -> Any:
    launcher = SimpleNamespace(procs=[])
    return fake_trainer(loggers=[ClosedLogger()], strategy=SimpleNamespace(launcher=launcher))


@pytest.fixture
def run(tmp_path: Path) -> Any:
    run = Run.create(tmp_path, "base", "{}\n", {"status": "running"})
    keep_to(run.dir)
    yield run
    let_go(run.dir)


def end_with(trainer: Any, run: Run | None, error: BaseException | None) -> None:
    with supervise(trainer, run):
        if error:
            raise error


def test_an_end_in_order_is_left_to_the_caller(trainer: Any, run: Run) -> None:
    end_with(trainer, run, None)
    assert run.read_manifest() == {"status": "running"}
    assert trainer.loggers[0].is_closed


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_a_failure_is_noted_and_comes_out_as_it_is(
    trainer: Any, run: Run, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        end_with(trainer, run, error)
    assert run.read_manifest()["status"] == "failed"
    assert trainer.loggers[0].is_closed


def test_an_interruption_says_how_to_go_on(
    trainer: Any, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Interrupted):
        end_with(trainer, run, Interrupted(signal.SIGINT))
    assert run.read_manifest()["status"] == "interrupted"
    command = f"mlp-lab fit --run_dir {run.dir}"
    assert capsys.readouterr().err == f"interrupted; go on with: {command}\n"
    assert resume_command(run) == command


def test_what_torchrun_has_started_is_to_be_started_by_it_again(
    trainer: Any, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    with pytest.raises(Interrupted):
        end_with(trainer, run, Interrupted(signal.SIGINT))
    expected = f"go on with: mlp-lab fit --run_dir {run.dir}, started by torchrun as before\n"
    assert capsys.readouterr().err.endswith(expected)


def test_what_fails_since_it_was_interrupted_is_an_interruption(trainer: Any, run: Run) -> None:
    half_written = OSError("no")
    half_written.__context__ = Interrupted(signal.SIGINT)
    with pytest.raises(Interrupted):
        end_with(trainer, run, half_written)
    assert run.read_manifest()["status"] == "interrupted"


def test_a_renamed_run_gets_its_status_under_its_new_name(trainer: Any, run: Run) -> None:
    moved = Run(run.dir.rename(run.dir.with_name("moved")))
    with pytest.raises(ValueError, match="no"):
        end_with(trainer, run, ValueError("no"))
    assert moved.read_manifest()["status"] == "failed"


def test_without_a_run_nothing_is_written(
    trainer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (ValueError(), Interrupted(signal.SIGTERM)):
        with pytest.raises(type(error)):
            end_with(trainer, None, error)
    assert capsys.readouterr().err == ""
    assert [*tmp_path.iterdir()] == []


def test_what_lightning_refuses_is_a_setting(trainer: Any, run: Run) -> None:
    with pytest.raises(ConfigError, match=r"^The settings of trainer cannot work: too few$"):
        end_with(trainer, run, MisconfigurationException("too few"))


LOST = RuntimeError("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed")


@pytest.fixture
def start_other(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what starts the other process of a training of two; signals are put back after."""
    handlers = {signum: signal.getsignal(signum) for signum in signals_that_end()}
    started = []

    def start(code: str) -> None:
        started.append(subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE))
        monkeypatch.setattr(group, "_start_others", lambda trainer: started)
        monkeypatch.setattr(
            group, "Watch", lambda *_: SimpleNamespace(received=None, stop=lambda: None)
        )
        trainer.world_size = 2

    yield start
    for signum, handler in handlers.items():
        signal.signal(signum, handler)
    for process in started:
        with process:
            process.kill()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL, perhaps because memory"),
        ("raise SystemExit(3)", "has ended with exit code 3"),
    ],
)
def test_another_process_that_ended_is_named(
    trainer: Any, run: Run, start_other: Any, code: str, message: str
) -> None:
    start_other(code)
    with pytest.raises(WorkerError, match=rf"beside this one {message}.* Go on with: mlp-lab"):
        end_with(trainer, run, LOST)
    assert run.read_manifest()["status"] == "failed"


def test_another_process_that_was_interrupted_interrupts_this_one(
    trainer: Any, run: Run, start_other: Any
) -> None:
    start_other("raise SystemExit(143)")
    with pytest.raises(Interrupted, match="SIGTERM"):
        end_with(trainer, run, LOST)
    assert run.read_manifest()["status"] == "interrupted"


def test_a_failure_of_its_own_stays_one_and_ends_the_other(
    trainer: Any, run: Run, start_other: Any
) -> None:
    start_other("input()")
    with pytest.raises(ValueError, match="no"):
        end_with(trainer, run, ValueError("no"))
    assert run.read_manifest()["status"] == "failed"


def test_after_an_end_in_order_the_other_is_waited_for(
    trainer: Any, run: Run, start_other: Any
) -> None:
    start_other("import time; time.sleep(0.1)")
    end_with(trainer, run, None)
    assert run.read_manifest() == {"status": "running"}


@pytest.mark.parametrize(
    ("before", "after"), [("running", "failed"), ("interrupted", "interrupted")]
)
def test_another_process_records_that_the_first_was_killed(
    trainer: Any, run: Run, before: Status, after: str
) -> None:
    run.update_manifest(status=before)
    record = RunRecord(None, {}, {}, resumes=False)
    record.shared_dir = run.dir
    trainer.callbacks = [record]
    with pytest.raises(ValueError, match="no"):
        end_with(trainer, None, ValueError("no"))
    assert run.read_manifest()["status"] == after


def test_as_long_as_the_first_has_the_run_it_records_its_end(trainer: Any, run: Run) -> None:
    record = RunRecord(None, {}, {}, resumes=False)
    record.shared_dir = run.dir
    trainer.callbacks = [record]
    lock = run.lock()
    with pytest.raises(ValueError, match="no"):
        end_with(trainer, None, ValueError("no"))
    lock.release()
    assert run.read_manifest()["status"] == "running"
