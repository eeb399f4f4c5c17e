"""From a checkpoint to the task that it fits."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging

from mlp_lab.callbacks.checkpoint_check import check_tensors
from mlp_lab.callbacks.checkpoints import find_checkpoint_to_test
from mlp_lab.data import KnownTable
from mlp_lab.errors import (
    ChecksumError,
    ConfigError,
    MLPLabWarning,
    RunNotFoundError,
    first_line,
)
from mlp_lab.files.safe_load import load_plain
from mlp_lab.inference import ModelInfo
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.origin import Origin
from mlp_lab.runs.run import Run
from mlp_lab.tasks import Task
from mlp_lab.training.job import Job


def load_weights(path: Path, task: Task) -> dict[str, Any]:
    """Load the weights of a checkpoint into a task, and return all that it holds.

    Of an averaged training that is the average; Lightning would load what it goes on with.

    Raises:
        ConfigError: They are of another net.
        ChecksumError: The file is damaged.
    """
    checkpoint = read_checkpoint(path)
    check_tensors(path, checkpoint, task)
    try:
        task.on_load_checkpoint(checkpoint)
        task.load_state_dict(checkpoint["state_dict"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ChecksumError(f"{str(path)!r} is damaged: {first_line(error)}.") from error
    return checkpoint


def load_checkpoint(path: Path, job: Job, trainer: pl.Trainer) -> None:
    """Load the weights of a checkpoint, and the states of the user's own callbacks.

    Those that write checkpoints or average weights have nothing to do once a training is over.

    Raises:
        ConfigError: The weights are of another net.
        ChecksumError: The file is damaged.
    """
    checkpoint = load_weights(path, job.task)
    _compare_classes(path, checkpoint, job.data.class_names)
    states = checkpoint.get("callbacks", {})
    try:
        for callback in job.user_callbacks:
            if not isinstance(callback, Checkpoint | WeightAveraging):
                callback.on_load_checkpoint(trainer, job.task, checkpoint)
                if state := states.get(callback.state_key):
                    callback.load_state_dict(state)
    except Exception as error:  # damaged, it may confuse a callback in any way
        raise ChecksumError(
            f"{str(path)!r} cannot be restored: {type(error).__name__}: {first_line(error)}."
        ) from error


def load_best(job: Job, trainer: pl.Trainer) -> Path | None:
    """Load the best checkpoint of a finished training, and return it; without one load none."""
    best = find_checkpoint_to_test(trainer)
    if best is not None:
        load_checkpoint(best, job, trainer)
    return best


def begin_with(path: Path, task: Task) -> str:
    """Give a net the weights of another one, and nothing else of its training.

    Args:
        path: A run, of which the best checkpoint is taken, a checkpoint, or a .pth.
        task: The task of the net. A last layer of another size stays as it was made.

    Returns:
        The name of that layer; empty where all weights were taken.

    Raises:
        RunNotFoundError: There is no such file, or no checkpoint in the run.
        ConfigError: They are of another net.
        ChecksumError: The file is damaged, or holds no net.
    """
    file = _find_weights(path)
    tensors = load_plain(file).get("state_dict")
    if not isinstance(tensors, dict):
        raise ChecksumError(f"{str(file)!r} holds no weights of a net of mlp_lab.")
    found = {name: t for name, t in tensors.items() if isinstance(t, torch.Tensor)}
    own = {f"net.{name}": tensor for name, tensor in task.net.state_dict().items()}
    linear = [name for name, m in task.net.named_modules() if isinstance(m, torch.nn.Linear)]
    head = f"net.{linear[-1]}" if linear else ""
    anew = ""
    for name in sorted(own.keys() | {name for name in found if name.startswith("net.")}):
        shapes = [tuple(t[name].shape) if name in t else "not there" for t in (found, own)]
        if shapes[0] == shapes[1]:
            continue
        if name.rpartition(".")[0] != head:
            raise ConfigError(
                f"init_from {str(path)!r} is of another net: {name} is {shapes[0]} in it and "
                f"{shapes[1]} in the configuration."
            )
        anew = head
    taken = {n: found[n] for n in own if not (anew and n.rpartition(".")[0] == anew)}
    task.load_state_dict(taken, strict=False)
    return anew


def _find_weights(path: Path) -> Path:
    file = Run.open(path).find_checkpoint("best") if path.is_dir() else path
    if not file.is_file():
        raise RunNotFoundError(f"init_from {str(path)!r} is not there.")
    return file


def known_table(origin: Origin, init_from: Path | None) -> KnownTable | None:
    """Return what a net knows of the table that it is given, by the file of its weights.

    Args:
        origin: What a command starts from.
        init_from: A run, a checkpoint or a .pth that a training begins with the weights of.

    Raises:
        RunNotFoundError: There is no such file, or no checkpoint in the run.
        ChecksumError: The file is damaged.
    """
    if origin.checkpoint is not None:
        path, model = origin.checkpoint, read_checkpoint(origin.checkpoint)["mlp_lab"].get("model")
    elif init_from is not None and not origin.resumes:
        path = init_from
        content = load_plain(_find_weights(path))
        own = content.get("mlp_lab", content)
        model = own.get("model") if isinstance(own, dict) else None
    else:
        return None
    if not isinstance(model, dict):
        return None
    try:
        info = ModelInfo.from_plain(model)
    except ChecksumError as error:
        raise ChecksumError(f"{str(path)!r} is damaged: {error}.") from error
    if not info.columns:
        return None
    class_names = info.class_names if origin.checkpoint is not None else None
    return KnownTable(info.columns, class_names, repr(str(path)))


def _compare_classes(path: Path, checkpoint: Mapping[str, Any], names: Sequence[str]) -> None:
    """Warn of data whose classes are not those that the net tells apart: it knows their numbers."""
    model = checkpoint["mlp_lab"].get("model")
    known = model.get("class_names") if isinstance(model, dict) else None
    if not isinstance(known, list | tuple) or len(known) != len(names):
        return
    for number, (mine, other) in enumerate(zip(known, names, strict=True)):
        if mine != other:
            warnings.warn(
                f"Class {number} is {other!r} in the data, and {mine!r} in {str(path)!r}: what the "
                "net takes for the one is scored as the other.",
                MLPLabWarning,
                stacklevel=2,
            )
            return
