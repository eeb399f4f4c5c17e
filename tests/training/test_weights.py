"""A checkpoint fits a task, or is refused by the name of what differs."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab import __version__
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning
from mlp_lab.nets import MLP
from mlp_lab.tasks import ClassificationTask
from mlp_lab.training.weights import check_fits, load_weights


def task_of(*hidden_dims: int, **arguments: Any) -> ClassificationTask:
    def net(input_shape: tuple[int, ...], num_outputs: int) -> MLP:
        return MLP(input_shape, num_outputs, list(hidden_dims))

    return ClassificationTask((2,), 2, net=net, **arguments)


def write(path: Path, task: ClassificationTask, **changes: Any) -> Path:
    """Write what a training of a task keeps."""
    checkpoint = {
        "state_dict": task.state_dict(),
        "mlp_lab": {"version": __version__, "config": {}, "metrics": {"val/acc": 0.5}},
        "epoch": 2,
        "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 3}}}},
        "optimizer_states": [{}],
        "lr_schedulers": [],
        "callbacks": {"BestCheckpoint": {"a": 1}, "LastCheckpoint": {"a": 1}},
    }
    torch.save(checkpoint | changes, path)
    return path


def test_weights_and_their_origin_are_taken_over(tmp_path: Path) -> None:
    first, second = task_of(3), task_of(3)
    load_weights(write(tmp_path / "x.ckpt", first), second)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert second.loaded is not None
    assert (second.loaded.epochs, second.loaded.metrics) == (3, {"val/acc": 0.5})


def test_another_net_is_refused_by_the_tensor_that_differs(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ckpt", task_of(3))
    for action in (load_weights, check_fits):
        with pytest.raises(ConfigError, match=r"net.layers.1.bias is \(3,\) in it and \(4,\) in t"):
            action(path, task_of(4))
        with pytest.raises(ConfigError, match=r"net.layers.1.bias is \(3,\) in it and \(2,\) in t"):
            action(path, task_of())
        with pytest.raises(ConfigError, match=r"net.layers.3.bias is \(2,\) in it and \(3,\) in t"):
            action(path, task_of(3, 3))


def test_damage_is_named(tmp_path: Path) -> None:
    task = task_of(3)
    without_epoch = write(tmp_path / "x.ckpt", task, epoch=None)
    with pytest.raises(ChecksumError, match=r"x.ckpt' is damaged: unsupported operand"):
        load_weights(without_epoch, task)


def test_another_version_is_a_warning(tmp_path: Path) -> None:
    task = task_of(3)
    own = {"version": "0.0.1", "config": {}}
    with pytest.warns(MLPLabWarning, match=r"was written by mlp_lab 0\.0\.1; this is "):
        load_weights(write(tmp_path / "x.ckpt", task, mlp_lab=own), task)


def test_the_epochs_behind_it_are_counted(tmp_path: Path) -> None:
    task = task_of(3)
    assert check_fits(write(tmp_path / "x.ckpt", task), task, resumes=True) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loops": {}}, "does not say how many epochs it has."),
        (
            {"loops": {"fit_loop": {"epoch_progress": {"current": {"processed": -1}}}}},
            "gives -1 as its number of epochs.",
        ),
    ],
)
def test_without_its_epochs_nothing_goes_on(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    task = task_of(3)
    for resumes in (True, False):
        with pytest.raises(ChecksumError, match=message):
            check_fits(write(tmp_path / "x.ckpt", task, **changes), task, resumes=resumes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer_states": []}, "has 0 optimizer_states, and this training has 1."),
        ({"optimizer_states": None}, "has 0 optimizer_states, and this training has 1."),
        ({"lr_schedulers": [{}]}, "has 1 lr_schedulers, and this training has 0."),
        ({"callbacks": None}, "has lost the state of BestCheckpoint."),
        ({"callbacks": {"BestCheckpoint": {"a": 1}}}, "has lost the state of LastCheckpoint."),
    ],
)
def test_a_training_needs_its_states_and_a_new_one_does_not(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    task = task_of(3)
    path = write(tmp_path / "x.ckpt", task, **changes)
    assert check_fits(path, task) == 3
    with pytest.raises(ChecksumError, match=message):
        check_fits(path, task, resumes=True)


def test_a_tensor_of_one_side_alone_is_named(tmp_path: Path) -> None:
    task = task_of(3)
    state = task.state_dict()
    path = write(tmp_path / "x.ckpt", task, state_dict={**state, "extra": torch.zeros(2, 1)})
    with pytest.raises(ConfigError, match=r"extra is \(2, 1\) in it and not there in the config"):
        load_weights(path, task)
    del state["mean"]
    with pytest.raises(ConfigError, match=r"mean is not there in it and \(2,\) in the config"):
        load_weights(write(tmp_path / "x.ckpt", task, state_dict=state), task)
