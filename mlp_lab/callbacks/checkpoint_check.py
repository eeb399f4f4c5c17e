"""Whether a checkpoint is one that a training can go on from."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mlp_lab import __version__
from mlp_lab.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.tasks import Task


def check_fits(checkpoint_path: Path, task: Task, *, resumes: bool = False) -> int:
    """Refuse a checkpoint that a training cannot go on from.

    Args:
        checkpoint_path: The checkpoint.
        task: The task that takes it.
        resumes: Whether its own training goes on.

    Returns:
        The number of epochs that it has behind it.

    Raises:
        ConfigError: It is of another net.
        ChecksumError: It lacks what a training needs.
    """
    path = Path(checkpoint_path)
    checkpoint = read_checkpoint(path)
    check_tensors(path, checkpoint, task)
    if resumes:
        _check_states(path, checkpoint, task)
    try:
        done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    except (KeyError, TypeError) as error:
        raise ChecksumError(f"{str(path)!r} does not say how many epochs it has.") from error
    if not isinstance(done, int) or done < 0:
        raise ChecksumError(f"{str(path)!r} gives {done!r} as its number of epochs.")
    return done


def check_tensors(path: Path, checkpoint: Mapping[str, Any], task: Task) -> None:
    """Refuse tensors that are not those of the task; warn if its version is another."""
    model = checkpoint["mlp_lab"].get("model")
    columns = model.get("columns", []) if isinstance(model, dict) else []
    if columns != (task.columns or []):
        raise ConfigError(
            f"{str(path)!r} was trained on other columns, or other categories of them, than the "
            "data have: its codes of categories would stand for others."
        )
    version = checkpoint["mlp_lab"].get("version")
    if version != __version__:
        warnings.warn(
            f"{str(path)!r} was written by mlp_lab {version}; this is {__version__}.",
            MLPLabWarning,
            stacklevel=3,
        )
    task.complete_state(checkpoint["state_dict"])
    found = {
        name: tuple(tensor.shape)
        for name, tensor in checkpoint["state_dict"].items()
        if isinstance(tensor, torch.Tensor)
    }
    expected = {name: tuple(tensor.shape) for name, tensor in task.state_dict().items()}
    for name in sorted(found | expected):
        if found.get(name) != expected.get(name):
            raise ConfigError(
                f"{str(path)!r} is of another net: {name} is {found.get(name, 'not there')} in it "
                f"and {expected.get(name, 'not there')} in the configuration."
            )


def _check_states(path: Path, checkpoint: Mapping[str, Any], task: Task) -> None:
    """Refuse a checkpoint without the states that its training goes on from."""
    for key, expected in (("optimizer_states", 1), ("lr_schedulers", int(bool(task.schedule)))):
        states = checkpoint.get(key)
        found = len(states) if isinstance(states, list) else 0
        if found != expected:
            raise ChecksumError(
                f"{str(path)!r} has {found} {key}, and this training has {expected}."
            )
    states = checkpoint.get("callbacks")
    for callback in (BestCheckpoint, LastCheckpoint):
        if not isinstance(states, dict) or not states.get(callback.__name__):
            raise ChecksumError(f"{str(path)!r} has lost the state of {callback.__name__}.")
