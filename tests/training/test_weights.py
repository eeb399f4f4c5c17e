"""A checkpoint fits a task, or is refused by the name of what differs."""

from pathlib import Path

import pytest
import torch

from mlp_lab.callbacks import check_fits
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning
from mlp_lab.training.weights import load_weights
from tests.helpers.checkpoints import task_of, write_checkpoint


def test_weights_and_their_origin_are_taken_over(tmp_path: Path) -> None:
    first, second = task_of(3), task_of(3)
    load_weights(write_checkpoint(tmp_path / "x.ckpt", first), second)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert second.loaded is not None
    assert (second.loaded.epochs, second.loaded.metrics) == (3, {"val/acc": 0.5})


def test_another_net_is_refused_by_the_tensor_that_differs(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "x.ckpt", task_of(3))
    for action in (load_weights, check_fits):
        with pytest.raises(ConfigError, match=r"net.layers.1.bias is \(3,\) in it and \(4,\) in t"):
            action(path, task_of(4))
        with pytest.raises(ConfigError, match=r"net.layers.1.bias is \(3,\) in it and \(2,\) in t"):
            action(path, task_of())
        with pytest.raises(ConfigError, match=r"net.layers.3.bias is \(2,\) in it and \(3,\) in t"):
            action(path, task_of(3, 3))


def test_damage_is_named(tmp_path: Path) -> None:
    task = task_of(3)
    without_epoch = write_checkpoint(tmp_path / "x.ckpt", task, epoch=None)
    with pytest.raises(ChecksumError, match=r"x.ckpt' is damaged: unsupported operand"):
        load_weights(without_epoch, task)


def test_another_version_is_a_warning(tmp_path: Path) -> None:
    task = task_of(3)
    own = {"version": "0.0.1", "config": {}}
    with pytest.warns(MLPLabWarning, match=r"was written by mlp_lab 0\.0\.1; this is "):
        load_weights(write_checkpoint(tmp_path / "x.ckpt", task, mlp_lab=own), task)


def test_a_tensor_of_one_side_alone_is_named(tmp_path: Path) -> None:
    task = task_of(3)
    state = task.state_dict()
    path = write_checkpoint(
        tmp_path / "x.ckpt", task, state_dict={**state, "extra": torch.zeros(2, 1)}
    )
    with pytest.raises(ConfigError, match=r"extra is \(2, 1\) in it and not there in the config"):
        load_weights(path, task)
    del state["mean"]
    with pytest.raises(ConfigError, match=r"mean is not there in it and \(2,\) in the config"):
        load_weights(write_checkpoint(tmp_path / "x.ckpt", task, state_dict=state), task)
