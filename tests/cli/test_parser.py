"""From words to a task, its data and the settings in plain types; the disk is left alone."""

from pathlib import Path

import pytest
import torch

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import MAX_SEED, LabCLI, ParsedCLI
from mlp_lab.data import Moons
from mlp_lab.errors import ConfigError
from mlp_lab.tasks import BinaryTask
from tests.helpers.training import make_job

MOONS = ["--data.source=Moons", "--model=BinaryTask"]


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_parts_are_made_and_the_disk_is_left_alone(tmp_path: Path) -> None:
    job = make_job(*MOONS, "--model.net.hidden_dims=[3]", "--data.batch_size=7")
    assert isinstance(job.task, BinaryTask)
    assert isinstance(job.data.source, Moons)
    assert job.task.net.describe()["init_args"]["hidden_dims"] == [3]
    assert (job.data.batch_size, job.trainer.max_epochs) == (7, 10)
    assert (job.config["data"]["batch_size"], job.config["trainer"]["max_epochs"]) == (7, 10)
    assert job.config["model"]["init_args"]["net"]["init_args"]["hidden_dims"] == [3]
    assert job.flags == [*MOONS, "--model.net.hidden_dims=[3]", "--data.batch_size=7"]
    assert [*tmp_path.iterdir()] == []


def test_what_is_of_one_command_alone_is_not_kept() -> None:
    config = make_job(*MOONS, "--out=x").config
    assert not {"config", "ckpt_path", "run_dir", "out", "trust"} & config.keys()
    assert {"seed_everything", "experiment", "runs_dir", "figures", "onnx"} <= config.keys()


def test_an_experiment_is_called_like_the_first_configuration(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("data: {source: mlp_lab.data.Moons}")
    assert make_job(*MOONS).settings.experiment == "base"
    configs = ["--config=one.yaml", "--config=two.yaml"]
    assert make_job(*configs).settings.experiment == "one"
    assert make_job(*configs, "--experiment=mine").settings.experiment == "mine"


def test_data_are_found_from_any_directory(tmp_path: Path) -> None:
    words = [*MOONS, "--data.root=a", "--data.predict_dir=b"]
    config = make_job(*words).config["data"]
    assert (config["root"], config["predict_dir"]) == (str(tmp_path / "a"), str(tmp_path / "b"))


def test_commands_on_data_make_nothing_else() -> None:
    cli = LabCLI("stats", read_invocation("stats", MOONS))
    assert isinstance(cli.datamodule.source, Moons)
    assert "model" not in cli.config_init


def test_a_configuration_can_be_parsed_alone(tmp_path: Path) -> None:
    words = ["--data.source=TensorFile", "--data.source.path=no.npz"]
    source = ParsedCLI("fit", read_invocation("fit", words)).plain_config["data"]["source"]
    assert source["class_path"] == "mlp_lab.data.TensorFile"
    assert source["init_args"]["path"] == str(tmp_path / "no.npz")


def test_a_random_seed_is_kept() -> None:
    job = make_job(*MOONS, "--seed_everything=true")
    assert 0 <= job.config["seed_everything"] <= MAX_SEED
    assert job.config["seed_everything"] == job.settings.seed_everything


@pytest.mark.parametrize(
    ("typed", "expected"), [([], 100), (["--trainer.max_epochs=7"], 7)], ids=["open", "typed"]
)
def test_an_overfit_check_takes_a_hundred_epochs(
    typed: list[str], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(*MOONS, "--trainer.overfit_batches=1", *typed)
    assert job.trainer.max_epochs == job.config["trainer"]["max_epochs"] == expected
    assert ("epochs: 100, unless --trainer" in capsys.readouterr().out) == (not typed)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--config=seed.yaml", "seed_everything is null; give a number, or true for a random"),
        ("--seed_everything=-1", r"seed_everything is -1; it must lie in 0..4294967295"),
        ("--seed_everything=4294967296", "seed_everything is 4294967296; it must lie in"),
        ("--trainer.max_epochs=0", "trainer.max_epochs or max_steps is 0; there would be no tr"),
        ("--trainer.max_steps=0", "trainer.max_epochs or max_steps is 0; there would be no tr"),
        ("--trainer=null", "trainer is null; leave it out for its defaults"),
        ("--config=runs_dir.yaml", "runs_dir is null; leave it out for its defaults"),
        ("--data.bach_size=3", r"There is no setting 'data.bach_size'. Did you mean 'data.batch"),
        ("--model=ClassificationTsk", "There is no 'ClassificationTsk' for model"),
        ("--model.pos_weight=-1", r"model.pos_weight is -1.0; it must be positive"),
        ("--model.loss=torch.hub.load", "names 'torch.hub.load', which no setting may name"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, word: str, message: str) -> None:
    (tmp_path / "seed.yaml").write_text("seed_everything: null")
    (tmp_path / "runs_dir.yaml").write_text("runs_dir: null")
    with pytest.raises(ConfigError, match=message):
        make_job(*MOONS, word)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{data: {batch_size: null}}", "data.batch_size"),
        ("{trainer: {precision: 32-true, deterministic: null, devices: null}}", "trainer.devices"),
        ("{model: {optimizer: {class_path: SGD, init_args: {lr: null}}}}", "model.optimizer.lr"),
        (
            "{model: {net: {class_path: MLP, init_args: {hidden_dims: null}}}}",
            "model.net.hidden_dims",
        ),
        (
            "{trainer: {callbacks: [{class_path: EarlyStopping, "
            "init_args: {monitor: val/loss, patience: null}}]}}",
            "trainer.callbacks.patience",
        ),
    ],
)
def test_a_null_in_a_file_is_refused_where_there_must_be_a_value(
    tmp_path: Path, text: str, key: str
) -> None:
    (tmp_path / "nulls.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"{key} is null; leave it out for its default."):
        make_job(*MOONS, "--config=nulls.yaml")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        MemoryError("Unable to allocate 8 bytes"),
    ],
)
def test_memory_that_runs_out_comes_out_as_it_is(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("mlp_lab.nets.MLP.__init__", fail)
    with pytest.raises(type(error)) as raised:
        make_job(*MOONS)
    assert raised.value is error
