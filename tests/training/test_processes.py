"""How many processes a training has, and which it cannot have."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.errors import ConfigError
from mlp_lab.runs.run import Run
from mlp_lab.training.processes import check_processes, count_processes
from mlp_lab.training.start import open_run
from tests.helpers.training import make_job

ALONE = {"accelerator": "cpu", "devices": "auto", "num_nodes": 1, "strategy": "auto"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}
SRUN = {"SLURM_NTASKS": "2", "SLURM_STEP_ID": "0", "SLURM_JOB_NAME": "lab"}


@pytest.mark.parametrize(
    ("settings", "processes"),
    [({}, 1), ({"devices": 3}, 3), ({"devices": "2", "num_nodes": 4}, 8), ({"devices": 0}, 1)],
)
def test_devices_of_all_machines_are_counted(settings: dict[str, Any], processes: int) -> None:
    assert count_processes(ALONE | settings) == processes


def test_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    trainer = ALONE | {"accelerator": "auto"}
    assert count_processes(trainer) == 4
    assert count_processes(trainer | {"devices": [0, 2]}) == 2


@pytest.mark.parametrize("accelerator", ["cpu", "gpu", "auto"])
@pytest.mark.parametrize("strategy", ["fsdp", "fsdp_cpu_offload", "deepspeed", "ddp_spawn"])
def test_a_strategy_that_cannot_work_is_refused(strategy: str, accelerator: str) -> None:
    """On every device, and before Lightning looks for it."""
    with pytest.raises(ConfigError, match=rf"^trainer.strategy is {strategy}; a net is whole in"):
        check_processes(ALONE | {"strategy": strategy, "accelerator": accelerator})


def test_a_strategy_that_is_an_object_is_refused_too() -> None:
    flag = '--trainer.strategy={"class_path":"lightning.pytorch.strategies.FSDPStrategy"}'
    with pytest.raises(ConfigError, match=r"^trainer.strategy is FSDPStrategy; a net is whole"):
        check_processes(make_job("--data.source=Digits", flag).trainer)


@pytest.mark.parametrize("strategy", ["auto", "ddp", "ddp_find_unused_parameters_true", "nonsense"])
def test_others_are_left_to_the_trainer(strategy: str) -> None:
    check_processes(ALONE | {"strategy": strategy})


@pytest.mark.parametrize(
    ("settings", "environment"), [({"num_nodes": 2}, {}), ({}, {"NODE_RANK": "1"})]
)
def test_several_machines_need_a_launcher(
    settings: dict[str, Any], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MASTER_ADDR": "127.0.0.1", **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"several machines: start it with torchrun or srun\.$"):
        check_processes(ALONE | settings)


@pytest.mark.parametrize(("launcher", "environment"), [("torchrun", TORCHRUN), ("srun", SRUN)])
def test_a_launcher_starts_as_many_as_are_asked_for(
    launcher: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    check_processes(ALONE | {"num_nodes": 2})
    with pytest.raises(ConfigError, match=rf"^{launcher} has started 2 processes, and .* is 1\. "):
        check_processes(ALONE)


class TestResumed:
    WORDS = ("--data.source=Digits", "--trainer.accelerator=cpu", "--trainer.devices=1")

    def run_of(self, manifest: dict[str, object], tmp_path: Path) -> Run:
        with open_run(make_job(*self.WORDS, f"--runs_dir={tmp_path}")) as run:
            assert run
            run.update_manifest(**manifest)
        return run

    def test_another_number_is_refused_with_that_of_the_run(self, tmp_path: Path) -> None:
        run = self.run_of({"processes": 2}, tmp_path)
        before = run.config_path.read_bytes()
        message = r"began with 2 processes, and now it would be 3: a step takes a batch of each"
        with (
            pytest.raises(ConfigError, match=message),
            open_run(make_job("--run_dir", str(run.dir), "--trainer.devices=3")),
        ):
            pass
        assert run.config_path.read_bytes() == before

    @pytest.mark.parametrize("manifest", [{"processes": 1}, {}])
    def test_the_same_number_goes_on_and_so_does_a_run_that_knows_none(
        self, manifest: dict[str, object], tmp_path: Path
    ) -> None:
        run = self.run_of(manifest, tmp_path)
        with open_run(make_job("--run_dir", str(run.dir))) as resumed:
            assert resumed == run
