"""A run is opened, goes on, or is refused; what never began leaves nothing."""

from pathlib import Path

import pytest
import torch
import yaml

from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError, EmptyClassError
from mlp_lab.files.atomic import write_text
from mlp_lab.runs.run import Run
from mlp_lab.training import start
from mlp_lab.training.job import Job
from mlp_lab.training.start import open_run
from tests.helpers.training import make_job

QUICKSTART = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"
MOONS = ["--data.source=Moons", "--model=BinaryTask", "--trainer.accelerator=cpu"]


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def open_and_close(job: Job, error: Exception | None = None) -> Run | None:
    with open_run(job) as run:
        if error:
            raise error
    return run


@pytest.fixture
def old_run() -> Run:
    """A run that was killed before its first checkpoint, trained with Cosine."""
    run = open_and_close(make_job(*MOONS, "--model.schedule=Cosine"))
    assert run is not None
    return run


def test_a_new_run_holds_its_configuration_and_is_locked() -> None:
    job = make_job(*MOONS)
    with open_run(job) as run:
        assert run is not None
        assert run.name == "base/version_0"
        assert yaml.safe_load(run.config_path.read_text()) == job.config
        assert set(run.read_manifest()) == {"start", "command", "launcher", "threads", "cores"}
        with pytest.raises(ConfigError, match="is in use by another fit"):
            run.lock()
        assert job.data.subsets["train"].labels.numel() > 0
        assert job.task.mean.tolist() == pytest.approx(job.data.mean.tolist())
    run.lock().release()


def test_a_quick_check_has_no_run(tmp_path: Path) -> None:
    assert open_and_close(make_job(*MOONS, "--trainer.fast_dev_run=1")) is None
    assert not (tmp_path / "runs").exists()


def test_another_process_has_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(start, "is_first_process", lambda: False)
    assert open_and_close(make_job(*MOONS)) is None
    assert not (tmp_path / "runs").exists()


def test_settings_that_cannot_work_leave_no_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no trainer"):
        open_and_close(make_job(*MOONS), ConfigError("no trainer"))
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ValueError, match="later"):
        open_and_close(make_job(*MOONS), ValueError("later"))
    assert (tmp_path / "runs" / "base" / "version_0").is_dir()


def test_data_that_cannot_be_learnt_leave_no_run(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(12, 2), "y": torch.arange(12)}, "x.pt")
    with pytest.raises(EmptyClassError):
        open_and_close(make_job("--data.source=TensorFile", "--data.source.path=x.pt"))
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_is_cleaned_and_takes_the_new_configuration(old_run: Run) -> None:
    (old_run.dir / ".best.ckpt.1.part").touch()
    job = make_job(f"--run_dir={old_run.dir}", "--figures=false")
    assert open_and_close(job) == old_run
    assert yaml.safe_load(old_run.config_path.read_text())["figures"] is False
    assert not [*old_run.dir.glob(".*.part")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.batch_size=9"], "data.batch_size is not what the run began with"),
        (["--model.optimizer.lr=1"], "model.optimizer.lr is not what the run began with"),
        (
            [f"--config={QUICKSTART}"],
            rf"data.batch_size of {QUICKSTART} is not what the run began with.* leave out "
            "--config.",
        ),
        (
            ["--trainer.max_epochs=11"],
            "trainer.max_epochs is 11, but the run began with 10, and its schedule Cosine str",
        ),
    ],
)
def test_a_resumed_run_stays_what_it_is(
    old_run: Run, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any data are read."""

    def read_data(self: LabDataModule) -> None:
        raise AssertionError("data were read")

    before = old_run.config_path.read_bytes()
    job = make_job(f"--run_dir={old_run.dir}", *words)
    monkeypatch.setattr(LabDataModule, "prepare_data", read_data)
    with pytest.raises(ConfigError, match=message):
        open_and_close(job)
    assert old_run.config_path.read_bytes() == before


def test_what_changes_no_training_may_change(old_run: Run) -> None:
    words = [f"--run_dir={old_run.dir}", "--data.root=elsewhere", "--onnx=false"]
    assert open_and_close(make_job(*words)) == old_run


def test_a_run_that_is_renamed_is_not_written_to(old_run: Run) -> None:
    with open_run(make_job(f"--run_dir={old_run.dir}")) as run:
        assert run is not None
        run.dir.rename(run.dir.with_name("moved"))
        with pytest.raises(OSError, match="was renamed or removed while it was written to"):
            write_text(run.dir / "x.txt", "x")
