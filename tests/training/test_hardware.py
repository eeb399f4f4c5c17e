"""The precision and the threads of a training fit the machine, and stand in its configuration."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed

from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.runs.run import Run
from mlp_lab.training import hardware
from mlp_lab.training.hardware import choose_precision, choose_threads
from mlp_lab.training.start import open_run
from tests.helpers.training import make_job

DIGITS = ["--data.source=Digits", "--trainer.accelerator=cpu"]
BFLOAT16 = "--config=configs/trainer/mixed_precision.yaml"


@pytest.fixture(autouse=True)
def _directory_and_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    give_cores(monkeypatch, 4)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def give_cores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(hardware, "max_threads", lambda: number)
    monkeypatch.setattr(hardware, "count_cores", lambda: number)


def give_cpu(monkeypatch: pytest.MonkeyPatch, capabilities: Mapping[str, bool]) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)


class TestThreads:
    @pytest.mark.parametrize(
        ("hidden", "batch_size", "expected"),
        [
            # Connections times batch size, with a thread for every 8 million.
            (16, 32, 1),  # 37,888
            (1_000, 108, 1),  # 7,992,000
            (1_000, 128, 1),  # 9,472,000
            (1_000, 217, 2),  # 16,058,000
            (4_000, 128, 4),  # 37,888,000
            (40_000, 128, 4),  # 378,880,000, on four cores
        ],
    )
    def test_a_thread_for_so_much_arithmetic(
        self, hidden: int, batch_size: int, expected: int
    ) -> None:
        job = make_job(
            *DIGITS, f"--model.net.hidden_dims=[{hidden}]", f"--data.batch_size={batch_size}"
        )
        choose_threads(job, None)
        assert torch.get_num_threads() == job.config["threads"] == expected

    def test_what_is_set_counts(self) -> None:
        job = make_job(*DIGITS, "--threads=3")
        choose_threads(job, None)
        assert torch.get_num_threads() == job.config["threads"] == 3

    def test_more_than_there_are_is_a_warning(self) -> None:
        job = make_job(*DIGITS, "--threads=9")
        with pytest.warns(MLPLabWarning, match="threads is 9, and here are 4 cores"):
            choose_threads(job, None)
        assert torch.get_num_threads() == job.config["threads"] == 4

    @pytest.mark.parametrize("number", ["0", "-1", "1.5", "many"])
    def test_no_other_number_is_taken(self, number: str) -> None:
        with pytest.raises(ConfigError, match="threads"):
            make_job(*DIGITS, f"--threads={number}")

    def test_a_resumed_run_keeps_its_own(self) -> None:
        with open_run(make_job(*DIGITS, "--threads=3")) as run:
            assert run is not None
        torch.set_num_threads(1)
        with open_run(make_job(f"--run_dir={run.dir}")):
            assert torch.get_num_threads() == 3

    def test_so_does_one_whose_configuration_does_not_say(self) -> None:
        run = self._run_of_version_0_1({"threads": 3})
        with open_run(make_job(f"--run_dir={run.dir}")):
            assert torch.get_num_threads() == 3

    def test_typing_what_it_had_changes_nothing(self) -> None:
        run = self._run_of_version_0_1({"threads": 3})
        with open_run(make_job(f"--run_dir={run.dir}", "--threads=3")):
            assert torch.get_num_threads() == 3
        run = self._run_of_version_0_1({"threads": 3})
        with (
            pytest.raises(ConfigError, match="threads is not what the run began with"),
            open_run(make_job(f"--run_dir={run.dir}", "--threads=2")),
        ):
            pass

    def test_what_a_damaged_manifest_says_is_not_taken(self) -> None:
        run = self._run_of_version_0_1({"threads": "many"})
        with open_run(make_job(f"--run_dir={run.dir}")):
            assert torch.get_num_threads() == 1

    def test_fewer_cores_than_a_run_had_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run = self._run_of_version_0_1({"threads": 3})
        give_cores(monkeypatch, 2)
        with (
            pytest.raises(ConfigError, match="began with 3 threads, and here are 2 cores, which"),
            open_run(make_job(f"--run_dir={run.dir}")),
        ):
            pass

    def test_an_evaluation_takes_as_many_as_there_are(
        self, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
    ) -> None:
        run = self._run_of_version_0_1({"threads": 3})
        give_cores(monkeypatch, 2)
        job = make_job(*DIGITS)
        choose_threads(job, run)
        assert torch.get_num_threads() == 2
        assert not [warning for warning in recwarn if warning.category is MLPLabWarning]

    def test_a_run_goes_on_where_torch_would_take_fewer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = self._run_of_version_0_1({"threads": 3})
        monkeypatch.setattr(hardware, "max_threads", lambda: 1)  # OMP_NUM_THREADS, or hyper-threads
        with open_run(make_job(f"--run_dir={run.dir}")):
            assert torch.get_num_threads() == 3

    def test_a_net_that_cannot_be_counted_gets_all_of_them(self) -> None:
        job = make_job(*DIGITS)
        job.task.net.recurrent = torch.nn.LSTM(64, 200)
        choose_threads(job, None)
        assert job.config["threads"] == 4

    @pytest.mark.parametrize("devices", ["0", "-1"])
    def test_devices_that_cannot_work_are_left_to_the_trainer(self, devices: str) -> None:
        choose_threads(make_job(*DIGITS, f"--trainer.devices={devices}"), None)

    def test_what_is_set_counts_on_each_of_several_machines(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where OMP_NUM_THREADS is unset, Lightning's launcher takes all cores at the start."""
        job = make_job(*DIGITS, "--threads=1", "--trainer.num_nodes=2")
        monkeypatch.setenv("LOCAL_RANK", "0")
        monkeypatch.setenv("OMP_NUM_THREADS", "")
        monkeypatch.delenv("OMP_NUM_THREADS")  # put back to nothing after the test
        choose_threads(job, None)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "set_num_threads", lambda number: pytest.fail(f"set {number}"))
            _set_num_threads_if_needed(1)

    def test_processes_of_one_training_share_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        large = [*DIGITS, "--model.net.hidden_dims=[40000]", "--trainer.devices=2"]
        monkeypatch.setenv("OMP_NUM_THREADS", "")  # put back to nothing after the test
        job = make_job(*large)
        choose_threads(job, None)
        assert job.config["threads"] == 2
        assert os.environ["OMP_NUM_THREADS"] == "2"  # what the other process finds
        give_cores(monkeypatch, 2)
        monkeypatch.setenv("LOCAL_RANK", "1")
        other = make_job(*large)
        choose_threads(other, None)
        assert other.config["threads"] == 2

    def test_beside_a_gpu_all_of_them_prepare_its_data(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda")
        )
        job = make_job("--data.source=Digits")
        choose_threads(job, None)
        assert job.config["threads"] == 4

    def _run_of_version_0_1(self, manifest: dict[str, object]) -> Run:
        with open_run(make_job(*DIGITS)) as run:
            assert run is not None
        text = run.config_path.read_text()
        run.config_path.write_text(text.replace("threads: 1\n", ""))
        run.update_manifest(**manifest)
        return run


class TestPrecision:
    @pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16", "bf16"])
    def test_bfloat16_stays_where_there_are_instructions(
        self, monkeypatch: pytest.MonkeyPatch, capability: str
    ) -> None:
        give_cpu(monkeypatch, {"avx2": True, capability: True})
        job = make_job(*DIGITS, BFLOAT16)
        choose_precision(job)
        assert job.trainer.precision == job.config["trainer"]["precision"] == "bf16-mixed"

    def test_without_them_it_is_float32(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        give_cpu(monkeypatch, {"avx2": True, "avx512_bf16": False, "amx_bf16": False})
        job = make_job(*DIGITS, BFLOAT16)
        choose_precision(job)
        assert job.trainer.precision == job.config["trainer"]["precision"] == "32-true"
        assert capsys.readouterr().out == (
            "precision: 32-true, since this cpu has no bfloat16 instructions; "
            "for bf16-mixed all the same, type --trainer.precision\n"
        )

    def test_what_is_typed_is_obeyed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        give_cpu(monkeypatch, {"avx2": True})
        job = make_job(*DIGITS, "--trainer.precision=bf16-true")
        with pytest.warns(MLPLabWarning, match="precision is bf16-true, and this cpu has no bfl"):
            choose_precision(job)
        assert job.trainer.precision == "bf16-true"

    def test_a_resumed_run_keeps_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        give_cpu(monkeypatch, {"avx512_bf16": True})
        with open_run(make_job(*DIGITS, BFLOAT16)) as run:
            assert run is not None
        give_cpu(monkeypatch, {"avx2": True})
        with (
            pytest.warns(MLPLabWarning, match="it takes many times as long"),
            open_run(make_job(f"--run_dir={run.dir}")),
        ):
            assert "precision: bf16-mixed\n" in run.config_path.read_text()

    def test_other_precisions_are_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        give_cpu(monkeypatch, {})
        job = make_job(*DIGITS, "--trainer.precision=64-true")
        choose_precision(job)
        assert job.trainer.precision == "64-true"

    @pytest.mark.parametrize(("supported", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
    def test_a_gpu_is_asked_for_its_own(
        self, monkeypatch: pytest.MonkeyPatch, supported: bool, expected: str
    ) -> None:
        monkeypatch.setattr(
            torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda")
        )
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: supported)
        job = make_job("--data.source=Digits", BFLOAT16)
        choose_precision(job)
        assert job.trainer.precision == expected
