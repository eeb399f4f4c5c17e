"""Files that are odd on purpose: one sentence each, nothing hidden, nothing obeyed."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlp_lab.data import TensorFile
from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
)
ESCAPE = "\x1b[2Jcat"


def test_a_yaml_bomb_hides_no_other_run(mlp_lab: CommandLine, own_run: Path) -> None:
    other = shutil.copytree(own_run, own_run.with_name("version_1"))
    (other / "config.yaml").write_text(BOMB)
    for words in (("validate", f"--run_dir={other}"), ("fit", f"--run_dir={other}")):
        outcome = mlp_lab(*words)
        assert outcome.code == 2
        assert "its aliases stand for more than 100,000 values" in outcome.err
    assert mlp_lab("report", str(other)).code == 0
    assert mlp_lab("report", str(own_run.parent.parent)).code == 0
    table = (own_run.parent.parent / "report.csv").read_text()
    assert "base/version_0" in table


def test_a_tensor_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    images = torch.zeros(1, 1, 1, dtype=torch.uint8).expand(2**33, 8, 8)
    torch.save({"x": images, "y": torch.zeros(1)}, tmp_path / "x.pt")
    with pytest.raises(ChecksumError, match=r"claims a tensor of shape \(8589934592, 8, 8\), and"):
        TensorFile(tmp_path / "x.pt")


def drop_loops(checkpoint: Any) -> None:
    del checkpoint["loops"]


def negative_epoch(checkpoint: Any) -> None:
    checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"] = -1


def text_for_own_part(checkpoint: Any) -> None:
    checkpoint["mlp_lab"] = "text"


def list_of_tensors(checkpoint: Any) -> None:
    checkpoint["state_dict"] = [*checkpoint["state_dict"].values()]


def deep_net(checkpoint: Any) -> None:
    net = checkpoint["mlp_lab"]["config"]["model"]["init_args"]["net"]
    net["init_args"]["hidden_dims"] = [1] * 200_000


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop_loops, "does not say how many epochs it has."),
        (negative_epoch, "gives -1 as its number of epochs."),
        (text_for_own_part, "is no checkpoint of mlp_lab."),
        (list_of_tensors, "is no checkpoint of mlp_lab."),
        (deep_net, "gives model.net.hidden_dims 200,000 values; 5,000 are the most."),
    ],
)
def test_an_odd_checkpoint_is_one_sentence(
    mlp_lab: CommandLine,
    digits_run: Path,
    tmp_path: Path,
    change: Callable[[Any], None],
    expected: str,
) -> None:
    checkpoint = read_checkpoint(digits_run / "checkpoints" / "best.ckpt")
    change(checkpoint)
    torch.save(checkpoint, tmp_path / "odd.ckpt")
    command = "fit" if change in (drop_loops, negative_epoch) else "validate"
    outcome = mlp_lab(command, "--ckpt_path=odd.ckpt")
    assert outcome.code == 2
    assert expected in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_what_lightning_would_make_a_module_of_is_not_looked_at(
    mlp_lab: CommandLine, own_run: Path, tmp_path: Path
) -> None:
    """Its load_from_checkpoint calls what ``_instantiator`` names."""
    mark = tmp_path / "was run"
    call = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(mark)]}}
    harm = {
        "hyper_parameters": {
            **{"_instantiator": "subprocess.Popen", "args": ["touch", str(mark)]},
            **{"_class_path": "subprocess.Popen", "net": call, "loss": call},
        },
        **{"hparams_name": "kwargs", "hparams_type": "subprocess.Popen"},
        "datamodule_hyper_parameters": {"_instantiator": "subprocess.Popen", "source": call},
    }
    assert mlp_lab("export", own_run, "--format=pth").code == 0
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 8, 8), np.uint8))
    for path in (*own_run.glob("checkpoints/*.ckpt"), own_run / "model.pth"):
        torch.save({**torch.load(path, weights_only=True), **harm}, path)
    words: list[tuple[Any, ...]] = [
        *((command, f"--run_dir={own_run}") for command in ("validate", "test", "predict")),
        ("fit", f"--run_dir={own_run}", "--trainer.max_epochs=4"),
        ("fit", f"--ckpt_path={own_run}/checkpoints/best.ckpt", "--trainer.max_epochs=5"),
        ("export", own_run, "--format=pth", "--out=again.pth"),
        *(("infer", own_run / name, "x.npz") for name in ("checkpoints/best.ckpt", "model.pth")),
    ]
    for typed in words:
        assert mlp_lab(*typed).code == 0, typed
    assert not mark.exists()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("optimizer_states", [], "has 0 optimizer_states, and this training has 1."),
        ("optimizer_states", None, "has 0 optimizer_states, and this training has 1."),
        ("optimizer_states", [{}], "cannot be restored: KeyError: 'param_groups'"),
        ("lr_schedulers", [{}], "has 1 lr_schedulers, and this training has 0."),
        ("callbacks", {}, "has lost the state of BestCheckpoint."),
        ("callbacks", [1], "has lost the state of BestCheckpoint."),
        ("callbacks", {"BestCheckpoint": {"a": 1}}, "has lost the state of LastCheckpoint."),
        (
            "pytorch-lightning_version",
            "x",
            "cannot be restored: InvalidVersion: Invalid",
        ),
    ],
)
def test_an_odd_checkpoint_is_not_trained_on(
    mlp_lab: CommandLine, own_run: Path, key: str, value: Any, expected: str
) -> None:
    last = own_run / "checkpoints" / "last.ckpt"
    checkpoint = read_checkpoint(last)
    checkpoint[key] = value
    torch.save(checkpoint, last)
    outcome = mlp_lab("fit", f"--run_dir={own_run}", "--trainer.max_epochs=4")
    assert outcome.code == 2
    assert expected in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_names_are_shown_and_not_obeyed(mlp_lab: CommandLine, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    names = np.array([ESCAPE, "=1+1", "dog"])
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(60) % 3, classes=names)
    words = ["--data.source=TensorFile", "--data.source.path=x.npz", "--trainer.max_epochs=1"]
    fit = mlp_lab("fit", *words)
    assert fit.code == 0
    predict = mlp_lab("predict", f"--run_dir={fit.run_dir}")
    stats = mlp_lab("stats", *words[:2], "--out=stats")
    for outcome in (fit, predict, stats):
        assert "\x1b[2J" not in outcome.out + outcome.err
    assert "\\x1b[2Jcat" in fit.out
    with (fit.run_dir / "predictions.csv").open(newline="") as file:
        cells = {cell for row in csv.reader(file) for cell in row}
    assert "'=1+1" in cells
    assert not [c for c in cells if c.startswith(("=", "+", "@"))]
    missing = mlp_lab("test", f"--run_dir={ESCAPE}")
    assert "\x1b" not in missing.err


def test_two_classes_of_one_name_are_refused(tmp_path: Path) -> None:
    x, y = np.zeros((6, 2), np.float32), np.arange(6) % 3
    np.savez(tmp_path / "x.npz", x=x, y=y, classes=np.array(["a", "a", "b"]))
    with pytest.raises(ConfigError, match="has two classes called 'a'"):
        TensorFile(tmp_path / "x.npz")


def test_an_experiment_is_called_by_text(mlp_lab: CommandLine, tmp_path: Path) -> None:
    for name in ("\udcff", ESCAPE, "a\nb"):
        outcome = mlp_lab("fit", "--data.source=Moons", f"--experiment={name}")
        assert outcome.code == 2
        assert "it must be one plain name" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_one_that_is_no_text_hides_no_other_run(
    mlp_lab: CommandLine, own_run: Path, tmp_path: Path
) -> None:
    """Version 0.1 made such experiments."""
    odd = own_run.parent.parent / "\udcff"
    shutil.copytree(own_run.parent, odd)
    outcome = mlp_lab("report", str(own_run.parent.parent))
    assert (outcome.code, outcome.err) == (0, "")
    page = (own_run.parent.parent / "report.html").read_text()
    assert "base/version_0" in page
    assert "\\udcff/version_0" in page
    assert mlp_lab("report", str(odd / "version_0")).code == 0


def test_a_long_field_of_metrics_is_reported(mlp_lab: CommandLine, own_run: Path) -> None:
    with (own_run / "metrics.csv").open("a") as file:
        file.write("9" * 140_000 + ",1\n")
    assert mlp_lab("report", str(own_run)).code == 0
    assert read_metrics(own_run)["test/acc"] > 0.5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fit"], "fit what? Try mlp-lab fit --config configs/quickstart.yaml"),
        (["fit", "--config", "configs/bsae.yaml"], "is not there. Did you mean 'base.yaml'?"),
        (["fit", "--config=nowhere/a.yaml"], "config 'nowhere/a.yaml' is not there."),
        (["predict", "photos"], "a directory of images to predict as --data.predict_dir"),
        (
            ["fit", "--data.source=TensorFile", "--data.source.path=wine.csv"],
            "TensorFile reads .npz and .pt alone",
        ),
        (
            ["fit", "--data.source=TensorFile", "--data.source.path=ages.npz"],
            "leaves class '25', which has one sample, without a training sample. If y holds"
            " regression targets, set --data.source.targets numbers.",
        ),
        (
            ["fit", "--data.source=TensorFile", "--data.source.path=more.npz"],
            "Class '2' has samples in test and none in train, so it cannot be learnt.",
        ),
        (
            ["fit", "--model.net.hidden_dims", "200,100"],
            "model.net.hidden_dims is '200,100'; a list is typed as --model.net.hidden_dims=[200,1",
        ),
        (
            ["fit", "--trainer.callbacks=[{class_path: subprocess.Popen, init_args: {args: ls}}]"],
            "trainer.callbacks names 'subprocess.Popen', which no setting may name",
        ),
        (["fit", "--model.loss=torch.hub.load"], "names 'torch.hub.load', which no setting may"),
        (["fit", "--trainer=null"], "trainer is null; leave it out for its defaults."),
        (["fit", "--config=null.yaml"], "config 'null.yaml': trainer is null; leave it out"),
        (
            ["fit", "--data.source=Digits", "--model.net.hidden_dims=[1000000000,1000000000]"],
            "The net's 1,000,000,074,000,000,000 weights alone would take 4,000,000,296 GB",
        ),
        (
            ["fit", "--data.source=TensorFile", "--data.source.path=many.pt"],
            "The confusion matrix of 100,000 classes would take 80 GB, and this machine has",
        ),
    ],
)
def test_what_a_new_user_types_is_answered(
    mlp_lab: CommandLine, digits_run: Path, tmp_path: Path, words: list[str], expected: str
) -> None:
    (tmp_path / "wine.csv").write_text("a,b\n1,2\n")
    (tmp_path / "null.yaml").write_text("trainer:\n")
    x, y = np.zeros((12, 2)), np.arange(12) % 3
    np.savez(tmp_path / "ages.npz", x=x, y=np.arange(25.0, 37))
    parts = {"x_train": x, "y_train": y % 2, "x_val": x, "y_val": y % 2, "x_test": x, "y_test": y}
    np.savez(tmp_path / "more.npz", allow_pickle=False, **parts)
    names = [f"class {number}" for number in range(100_000)]
    torch.save({"x": torch.zeros(12, 2), "y": torch.arange(12), "classes": names}, "many.pt")
    shutil.copytree(digits_run, tmp_path / "runs" / "base" / "version_0")
    outcome = mlp_lab(*words)
    assert outcome.code == 2
    assert expected in outcome.err


def test_what_a_run_began_with_is_printed(mlp_lab: CommandLine, digits_run: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        mlp_lab("fit", f"--run_dir={digits_run}", "--print_config")
    assert stop.value.code == 0


def test_a_forbidden_setting_is_refused_before_data_are_read(
    mlp_lab: CommandLine, own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("the data were read")

    monkeypatch.setattr("mlp_lab.data.Digits.read", read)
    outcome = mlp_lab("fit", f"--run_dir={own_run}", "--data.batch_size=99")
    assert outcome.code == 2
    assert "data.batch_size is not what the run began with" in outcome.err
