"""What a run notes of itself before and while it trains."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import mlp_lab
from mlp_lab.callbacks import RunRecord
from mlp_lab.callbacks.run_record import describe_data
from mlp_lab.data import LabDataModule, Moons
from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.runs.run import Run
from mlp_lab.tasks import BinaryTask
from tests.helpers.training import fake_trainer

CONFIG = {"seed_everything": 3}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "base", "{}\n", {"threads": 1})


@pytest.fixture
def task() -> BinaryTask:
    return BinaryTask((2,), 2)


@pytest.fixture
def trainer(tmp_path: Path) -> Any:
    data = LabDataModule(Moons(num_samples=100), root=tmp_path)
    data.prepare_data()
    data.setup("fit")
    strategy = SimpleNamespace(root_device=torch.device("cpu"), broadcast=lambda value: value)
    return fake_trainer(datamodule=data, strategy=strategy)


def record(run: Run | None, *, resumes: bool = False) -> RunRecord:
    return RunRecord(run, CONFIG, {"my_net": "my_net.py"}, resumes=resumes)


def test_the_manifest_says_what_runs(run: Run, trainer: Any, task: BinaryTask) -> None:
    record(run).setup(trainer, task, "fit")
    manifest = run.read_manifest()
    assert (manifest["status"], manifest["end"], manifest["seed"]) == ("running", None, 3)
    assert manifest["own_modules"] == {"my_net": "my_net.py"}
    assert manifest["versions"]["mlp_lab"] == mlp_lab.__version__
    assert (manifest["device"], manifest["processes"]) == ("cpu, 1 thread", 1)


def test_the_command_line_may_be_given_as_in_version_0_1(
    run: Run, trainer: Any, task: BinaryTask
) -> None:
    use = re.escape("RunRecord(run, config, command) is deprecated since 0.2")
    with pytest.warns(MLPLabWarning, match=f"^{use}"):
        RunRecord(None, CONFIG, command=["second"])
    with pytest.warns(MLPLabWarning, match=f"^{use}"):
        before = RunRecord(run, CONFIG, ["first"])
    before.setup(trainer, task, "fit")
    manifest = run.read_manifest()
    assert (manifest["command"], manifest["own_modules"]) == (["first"], {})


def test_processes_that_know_another_run_are_refused(
    run: Run, trainer: Any, task: BinaryTask
) -> None:
    trainer.strategy.broadcast = lambda value: (run.dir, True)
    with pytest.raises(ConfigError, match=r"is not known to all processes of this training"):
        record(None).setup(trainer, task, "fit")


def test_a_resumed_run_keeps_its_start_and_command(
    run: Run, trainer: Any, task: BinaryTask
) -> None:
    began = {"start": "2026-01-01", "command": ["first"], "own_modules": {"a": "a.py"}}
    run.update_manifest(status="interrupted", end="2026-01-02", **began)
    record(run, resumes=True).setup(trainer, task, "fit")
    manifest = run.read_manifest()
    assert (manifest["start"], manifest["command"]) == ("2026-01-01", ["first"])
    assert manifest["own_modules"] == {"a": "a.py", "my_net": "my_net.py"}
    assert (manifest["status"], manifest["end"]) == ("running", None)


def test_a_test_and_other_processes_write_nothing(run: Run, trainer: Any, task: BinaryTask) -> None:
    record(run).setup(trainer, task, "test")
    record(None).setup(trainer, task, "fit")
    assert run.read_manifest() == {"threads": 1}


def test_data_net_and_score_follow(
    run: Run, trainer: Any, task: BinaryTask, capsys: pytest.CaptureFixture[str]
) -> None:
    record(run).on_fit_start(trainer, task)
    manifest = run.read_manifest()
    data = trainer.datamodule
    assert manifest["data"] == {**describe_data(data), "sha256": data.fingerprints()}
    assert sum(manifest["data"]["samples"].values()) == 100
    assert manifest["net"] == {
        **{"class": "MLP", "parameters": 2 * 200 + 200 + 200 + 1},
        **{"neurons": 201, "connections": 600},
    }
    assert manifest["score"] == {"metric": "val/acc", "mode": "max"}
    out = capsys.readouterr().out
    assert out.startswith("data: Moons: 70 train, 10 val, 20 test (validation = ")
    assert "\nnet: MLP: 801 trainable parameters, 201 neurons, 600 connections; on cpu, 1 th" in out


def test_other_data_than_before_are_refused(run: Run, trainer: Any, task: BinaryTask) -> None:
    record(run).on_fit_start(trainer, task)
    hashes = run.read_manifest()["data"]["sha256"]
    record(run).on_fit_start(trainer, task)
    first = sorted(hashes)[0]
    run.update_manifest(data={"sha256": hashes | {first: "0"}})
    message = f"The data are not those that .* began with: the SHA-256 of {first} differ."
    with pytest.raises(ConfigError, match=message):
        record(run).on_fit_start(trainer, task)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_checkpoint_holds_configuration_and_scores(
    run: Run, trainer: Any, task: BinaryTask, resumes: bool
) -> None:
    first, second = record(run), record(run, resumes=resumes)
    trainer.callback_metrics = {"val/acc": torch.tensor(0.75), "epoch": torch.tensor(1.0)}
    checkpoint: dict[str, Any] = {}
    first.on_save_checkpoint(trainer, task, checkpoint)
    own = checkpoint["mlp_lab"]
    assert (own["config"], own["metrics"]) == (CONFIG, {"val/acc": 0.75})
    assert own["version"] == mlp_lab.__version__
    assert own["model"]["run"] == "base/version_0"
    second.on_load_checkpoint(trainer, task, checkpoint)
    trainer.callback_metrics = {}
    second.on_train_start(trainer, task)
    assert trainer.callback_metrics == ({"val/acc": 0.75} if resumes else {})
