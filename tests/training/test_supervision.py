"""How a training ends is in its manifest, and in one sentence."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException

from mlp_lab.errors import ConfigError, WorkerError
from mlp_lab.files.atomic import keep_to, let_go
from mlp_lab.loggers import CSVLogger
from mlp_lab.processes.signals import Interrupted
from mlp_lab.runs.run import Run
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


def test_a_killed_process_is_named(trainer: Any, run: Run) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.kill()
    trainer.strategy.launcher.procs = [process]
    with process, pytest.raises(WorkerError, match=r"was ended by SIGKILL, .* Go on with: mlp-lab"):
        end_with(trainer, run, RuntimeError("connection closed by peer"))
    assert run.read_manifest()["status"] == "failed"
