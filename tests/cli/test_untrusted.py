"""A configuration of a run or a checkpoint runs no code, and writes nowhere but into its run."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.helpers import hostile
from tests.helpers.hostile import Config, put

POPEN = "torch.utils.cpp_extension.subprocess.Popen"


def touch(canary: Path) -> Config:
    return {"class_path": POPEN, "init_args": {"args": ["touch", str(canary)]}}


def ddp(canary: Path) -> Config:
    name = "lightning.pytorch.strategies.DDPStrategy"
    return {"class_path": name, "init_args": {"ddp_comm_state": touch(canary)}}


def bar(canary: Path) -> Config:
    name = "lightning.pytorch.callbacks.RichProgressBar"
    return {"class_path": name, "init_args": {"console_kwargs": {"file": touch(canary)}}}


def base_optimizer(canary: Path) -> Config:
    return {"class_path": "torch.optim.Optimizer", "init_args": {"defaults": touch(canary)}}


def hub(canary: Path) -> Config:
    (canary.parent / "hubconf.py").write_text(f"open({str(canary)!r}, 'w')\n")
    arguments = {"repo_or_dir": str(canary.parent), "model": "x", "source": "local"}
    return {"class_path": "torch.hub.load", "init_args": arguments}


def profile(canary: Path) -> Config:
    name = "lightning.pytorch.profilers.SimpleProfiler"
    arguments = {"dirpath": str(canary), "filename": "profile"}
    return {"class_path": name, "init_args": arguments}


ATTACKS: list[tuple[str, Callable[[Path], Config]]] = [
    ("strategy", ddp),
    ("callbacks", bar),
    ("optimizer", base_optimizer),
    ("loss", hub),
    ("loss", touch),
    ("source", touch),
    ("logger", touch),
    ("profiler", profile),
]


def change_config(run_dir: Path, checkpoint: Path, config: Config) -> None:
    """Put another configuration into a run and into a checkpoint."""
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config))
    content = read_checkpoint(checkpoint)
    content["mlp_lab"]["config"] = config
    torch.save(content, checkpoint)


@pytest.fixture
def victim(own_run: Path, tmp_path: Path) -> tuple[Path, Path, Config]:
    """A run that can be written to, a checkpoint outside of any run, and what both say."""
    outside = tmp_path / "elsewhere" / "some.ckpt"
    outside.parent.mkdir()
    shutil.copy(own_run / "checkpoints" / "best.ckpt", outside)
    return own_run, outside, yaml.safe_load((own_run / "config.yaml").read_text())


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(("slot", "attack"), ATTACKS)
def test_an_attack_is_refused_in_one_sentence(
    mlp_lab: CommandLine,
    victim: tuple[Path, Path, Config],
    tmp_path: Path,
    slot: str,
    attack: Callable[[Path], Config],
    as_text: bool,
) -> None:
    run_dir, checkpoint, config = victim
    canary = tmp_path / "canary"
    spec = attack(canary)
    put(config, slot, json.dumps(spec) if as_text else spec)
    change_config(run_dir, checkpoint, config)
    for words in (
        ("validate", f"--ckpt_path={checkpoint}"),
        ("test", f"--run_dir={run_dir}"),
        ("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=4"),
    ):
        outcome = mlp_lab(*words)
        assert not canary.exists(), words
        if slot == "logger" and words[0] != "fit":
            assert outcome.code == 0  # its logger is not made
            continue
        assert outcome.code == 2, words
        assert len(outcome.err.splitlines()) == 1
        assert outcome.err.endswith("If you trust that file, add --trust.\n")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("trainer.plugins", ["x"], "sets trainer.plugins to ['x'], which must be typed."),
        ("trainer.default_root_dir", "/tmp", "sets trainer.default_root_dir to '/tmp', which must"),
        ("trainer.strategy", "x.y", "sets trainer.strategy to 'x.y', which is none of auto, "),
        ("trainer.accelerator", "os.system", "sets trainer.accelerator to 'os.system', which is"),
        ("trainer.max_epochs", {"a": 1}, "is no plain value in trainer.max_epochs: {'a': 1}."),
        ("data.batch_size", "8", "is no plain value in data.batch_size: '8'."),
        ("data.augment", [{"class_path": "mlp_lab.data.KMNIST"}], "names the class 'mlp_lab.data."),
        ("data.nothing", 1, "sets data.nothing, which LabDataModule does not have."),
        ("model.class_path", None, "sets model without a class_path."),
        ("model.init_args", [1], "gives model arguments that are no mapping."),
        ("model", "mlp_lab.tasks.Task", "names the class 'mlp_lab.tasks.Task' in model, which is"),
        ("nothing", 1, "sets nothing to 1, which is no setting."),
        ("trainer", None, "trainer is null; leave it out for its defaults."),
        ("model.init_args.encoding", {"one_hot_up_to": [8]}, "is no plain value in model.encoding"),
        ("model.init_args.encoding", {"class_path": "x.y"}, "is no plain value in model.encoding"),
        # Read, and found to be for other data.
        ("model.init_args.encoding", {"one_hot_up_to": 8}, "is for the columns of a table"),
    ],
)
def test_what_is_no_plain_setting_is_named(
    mlp_lab: CommandLine, victim: tuple[Path, Path, Config], key: str, value: Any, expected: str
) -> None:
    run_dir, checkpoint, config = victim
    *outer, last = key.split(".")
    place: Any = config
    for name in outer:
        place = place[name]
    place[last] = value
    change_config(run_dir, checkpoint, config)
    outcome = mlp_lab("test", f"--run_dir={run_dir}")
    assert outcome.code == 2
    assert expected in outcome.err


@pytest.mark.parametrize(("argument", "value"), [("dirpath", "{}/x"), ("filename", "../../x/y")])
def test_where_a_resumed_run_would_write_must_be_typed(
    mlp_lab: CommandLine,
    victim: tuple[Path, Path, Config],
    tmp_path: Path,
    argument: str,
    value: str,
) -> None:
    run_dir, checkpoint, config = victim
    name = "lightning.pytorch.callbacks.ModelCheckpoint"
    arguments = {argument: value.format(tmp_path)}
    put(config, "callbacks", {"class_path": name, "init_args": arguments})
    change_config(run_dir, checkpoint, config)
    assert mlp_lab("test", f"--run_dir={run_dir}").code == 0
    resumed = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=4")
    assert resumed.code == 2
    assert f"callbacks.{argument} to" in resumed.err
    assert not (tmp_path / "x").exists()


def test_data_are_read_and_never_written_where_a_file_says(
    mlp_lab: CommandLine, victim: tuple[Path, Path, Config], tmp_path: Path
) -> None:
    run_dir, checkpoint, config = victim
    put(config, "source", {"class_path": "mlp_lab.data.KMNIST"})
    config["data"]["root"] = str(tmp_path / "root")
    change_config(run_dir, checkpoint, config)
    shutil.rmtree(run_dir / "checkpoints")  # so it begins again
    outcome = mlp_lab("fit", f"--run_dir={run_dir}")
    assert outcome.code == 2
    assert "point --data.root at them" in outcome.err
    assert not (tmp_path / "root").exists()


def test_a_value_without_end_is_one_sentence(
    mlp_lab: CommandLine, victim: tuple[Path, Path, Config]
) -> None:
    run_dir, checkpoint, config = victim
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    config["data"]["batch_size"] = deep
    change_config(run_dir, checkpoint, config)
    outcome = mlp_lab("validate", f"--ckpt_path={checkpoint}")
    assert outcome.code == 2
    assert len(outcome.err) < 500
    assert "is no plain value in data.batch_size: [" in outcome.err


@pytest.mark.parametrize(
    "trials", [20, pytest.param(2000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_hostile_configuration_leaves_a_trace(
    mlp_lab: CommandLine, victim: tuple[Path, Path, Config], tmp_path: Path, trials: int
) -> None:
    """From all callables that an attribute walk from the packages reaches, in every slot."""
    run_dir, checkpoint, config = victim
    canary = tmp_path / "canary"
    commands = itertools.cycle(("validate", "test", "predict", "export", "fit"))
    codes: dict[int, int] = {}
    ran = []
    for config_ in itertools.islice(hostile.configurations(canary, config, seed=0), trials):
        command = next(commands)
        change_config(run_dir, checkpoint, config_)
        words = {"fit": [f"--run_dir={run_dir}"], "export": [str(checkpoint)]}.get(
            command, [f"--ckpt_path={checkpoint}"]
        )
        outcome = mlp_lab(command, *words)
        codes[outcome.code] = codes.get(outcome.code, 0) + 1
        if canary.exists():
            ran.append(config_)
            shutil.rmtree(canary) if canary.is_dir() else canary.unlink()
    print(f"{trials} hostile configurations, exit codes {codes}, {len(ran)} left a trace")
    assert not ran
