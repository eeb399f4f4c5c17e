"""``mlp_lab.fit`` does what the command does, and leaves its caller as it was."""

import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import yaml

import mlp_lab
from mlp_lab.errors import ConfigError
from mlp_lab.interface.call import typed_words
from mlp_lab.nets import CNN
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training

QUICKSTART = "configs/quickstart.yaml"
SETTINGS: dict[str, Any] = {
    **{"model.net.hidden_dims": [30], "trainer.max_epochs": 3},
    **{"figures": False, "onnx": False},
}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_is_that_of_the_command(
    mlp_lab: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model.net.hidden_dims=[30]", "--trainer.max_epochs=3"]
    command = mlp_lab("fit", f"--config={QUICKSTART}", *words)
    run = fit(QUICKSTART, SETTINGS)
    assert run.dir == Path("runs/quickstart/version_1")
    assert_same_training(command.run_dir, run.dir)
    assert (run.dir / "config.yaml").read_text() == (command.run_dir / "config.yaml").read_text()
    assert run.manifest["command"] == [
        *("mlp-lab", "fit", f"--config={QUICKSTART}", "--model.net.hidden_dims=[30]"),
        *("--trainer.max_epochs=3", "--figures=false", "--onnx=false"),
    ]
    files = [{p.name for p in path.rglob("*.*")} for path in (command.run_dir, run.dir)]
    assert {name for name in files[0] ^ files[1] if "tfevents" not in name} == set()
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(command.out.splitlines())
    assert "run: runs/quickstart/version_1" in printed


def fit(*arguments: Any, **named: Any) -> mlp_lab.Run:
    return mlp_lab.fit(*arguments, **named)


def test_silence_is_kept_and_does_not_last(capsys: pytest.CaptureFixture[str]) -> None:
    run = fit(QUICKSTART, SETTINGS | {"trainer.max_epochs": 1}, verbose=False)
    assert run.status == "finished"
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_a_later_file_wins_and_a_setting_over_both(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("trainer: {max_epochs: 2}\ndata: {batch_size: 64}\n")
    settings = SETTINGS | {"trainer.max_epochs": 1, "model.net": CNN}
    del settings["model.net.hidden_dims"]
    run = fit([QUICKSTART, tmp_path / "more.yaml"], settings, note="a CNN", verbose=False)
    assert run.manifest["note"] == "a CNN"
    config = run.config
    assert (config["trainer"]["max_epochs"], config["data"]["batch_size"]) == (1, 64)
    assert config["model"]["init_args"]["net"]["class_path"] == "mlp_lab.nets.CNN"


def test_what_is_refused_raises_the_commands_sentence(mlp_lab: CommandLine) -> None:
    command = mlp_lab("fit", f"--config={QUICKSTART}", "--data.batchsize=3")
    with pytest.raises(ConfigError) as refusal:
        fit(QUICKSTART, {"data.batchsize": 3})
    assert command.err == f"mlp-lab: error: {refusal.value}\n"
    with pytest.raises(ConfigError, match=r"fast_dev_run leaves no run"):
        fit(QUICKSTART, {"trainer.fast_dev_run": True}, verbose=False)
    assert not Path("runs").exists()


class Interrupt(pl.Callback):
    """Type Ctrl-C in the second epoch, once."""

    is_due = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == 1 and Interrupt.is_due:
            Interrupt.is_due = False
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_run_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    whole = fit(QUICKSTART, SETTINGS, verbose=False)
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    path = Path("interrupt.yaml")
    path.write_text(yaml.safe_dump({"trainer": {"callbacks": [f"{__name__}.Interrupt"]}}))
    with pytest.raises(KeyboardInterrupt):
        fit([QUICKSTART, path], SETTINGS, verbose=False)
    assert signal.getsignal(signal.SIGINT) is handler
    assert sys.unraisablehook is hook
    (_, stopped) = mlp_lab.list_runs()
    assert stopped.status == "interrupted"
    assert f"go on with: mlp-lab fit --run_dir {stopped.dir}" in capsys.readouterr().err
    resumed = fit(run_dir=stopped.dir, verbose=False)
    assert (resumed.dir, resumed.status) == (stopped.dir, "finished")
    assert_same_training(whole.dir, resumed.dir)
    assert fit(run_dir=stopped).metrics == resumed.metrics  # which was finished before


def test_another_thread_may_train() -> None:
    runs: list[mlp_lab.Run] = []
    settings = SETTINGS | {"trainer.max_epochs": 1}
    thread = threading.Thread(target=lambda: runs.append(fit(QUICKSTART, settings, verbose=False)))
    thread.start()
    thread.join()
    assert runs[0].status == "finished"


def test_values_are_typed_as_yaml() -> None:
    settings = {"a.b": None, "c": "x, y", "d": 1e-05, "e": Path("f g"), "h": {"3": 0.5}, "i": CNN}
    assert typed_words((), settings) == [
        *("--a.b=null", "--c=x, y", "--d=1.0e-05", "--e=f g", "--h={'3': 0.5}"),
        "--i=mlp_lab.nets.cnn.CNN",
    ]
    arrays = {"a": np.float64(0.5), "b": [np.int64(3)], "c": np.arange(2), "d": {"e": Path("f")}}
    assert typed_words((), arrays) == ["--a=0.5", "--b=[3]", "--c=[0, 1]", "--d={e: f}"]
    with pytest.raises(ConfigError, match=r"a is <object .*, which cannot be typed: give text"):
        typed_words((), {"a": object()})


def test_several_processes_are_left_to_the_command() -> None:
    settings = SETTINGS | {"trainer.accelerator": "cpu", "trainer.devices": 2}
    with pytest.raises(ConfigError, match=r"ask for 2 processes, and from Python a training is"):
        fit(QUICKSTART, settings, verbose=False)
    assert not Path("runs").exists()


def test_threads_and_garbage_are_the_callers_own() -> None:
    threads = torch.get_num_threads()
    frozen = gc.get_freeze_count()
    fit(QUICKSTART, SETTINGS | {"trainer.max_epochs": 1, "threads": threads + 1}, verbose=False)
    assert torch.get_num_threads() == threads
    assert gc.get_freeze_count() <= frozen  # what was frozen may have ended
