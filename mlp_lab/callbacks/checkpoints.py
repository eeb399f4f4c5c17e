"""best.ckpt and last.ckpt, each written whole or not at all."""

import io
import os
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from mlp_lab.errors import ChecksumError
from mlp_lab.files.atomic import write_bytes


class WholeFileCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint whole; Lightning's own way copies it from another file system."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: object = None,
    ) -> None:
        """Write to ``path``, whole or not at all."""
        # Writing to a file itself, PyTorch reports a full disk in no reliable way.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_bytes(Path(path), buffer.getbuffer())


State = dict[str, Any]
"""The files that a ModelCheckpoint has written, and will delete, with their scores."""

_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


def _name_files(state: State) -> State:
    """Name files by their path below the directory they are in, so that a moved run goes on."""
    directory = state["dirpath"]

    def name(path: str) -> str:
        return os.path.relpath(path, directory) if path else ""

    names = {key: name(state[key]) for key in _PATHS}
    scores = {name(path): score for path, score in state["best_k_models"].items()}
    return {**state, **names, "best_k_models": scores, "dirpath": None}


def _place_files(state: State, callback: ModelCheckpoint) -> State:
    """Put the files of a state where the callback writes now.

    Raises:
        ChecksumError: The state is damaged, or names something else than a checkpoint below the
            callback's directory.
    """
    directory = Path(str(callback.dirpath))
    before = state.get("dirpath")

    def place(name: object) -> str:
        if name == "":
            return ""
        path = Path(str(name))
        if before and path.is_absolute():  # as Lightning has it
            path = Path(os.path.relpath(path, before))
        placed = directory / path
        inside = placed.resolve().is_relative_to(directory.resolve())
        if not inside or ".." in path.parts or path.suffix != ModelCheckpoint.FILE_EXTENSION:
            raise ChecksumError(
                f"The checkpoint names the file {str(name)!r}, which is none below "
                f"{str(directory)!r}."
            )
        return str(placed)

    try:
        places = {key: place(state[key]) for key in _PATHS}
        scores = {place(name): score for name, score in state["best_k_models"].items()}
    except (KeyError, AttributeError, TypeError) as error:
        raise ChecksumError(f"The checkpoint's state {callback.state_key!r} is damaged.") from error
    return {**state, **places, "best_k_models": scores, "dirpath": callback.dirpath}


class CheckpointStates(pl.Callback):
    """Let the states of the user's own ModelCheckpoints name files of their directory alone.

    Lightning deletes what such a state names, wherever that is, and forgets it where the directory
    has another name than before.
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Let a repeated epoch write its file again, in the run that is its own."""
        for callback in _users_checkpoints(trainer):
            if callback.dirpath is None:
                callback._enable_version_counter = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Name the files."""
        states = checkpoint.get("callbacks", {})
        for callback in _users_checkpoints(trainer):
            if callback.state_key in states:
                states[callback.state_key] = _name_files(states[callback.state_key])

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put them where the run is now."""
        states = checkpoint.get("callbacks", {})
        for callback in _users_checkpoints(trainer):
            if callback.state_key in states:
                state = _place_files(states[callback.state_key], callback)
                states[callback.state_key] = state
                callback.current_score = state.get("current_score")  # Lightning leaves it out


def _users_checkpoints(trainer: pl.Trainer) -> list[ModelCheckpoint]:
    return [
        callback
        for callback in trainer.checkpoint_callbacks
        if isinstance(callback, ModelCheckpoint) and not isinstance(callback, _RunCheckpoint)
    ]


class _RunCheckpoint(ModelCheckpoint):
    """A checkpoint of fixed name whose state names files alone, so that a moved run resumes."""

    def __init__(
        self,
        directory: Path,
        filename: str,
        **settings: Any,
    ) -> None:
        super().__init__(
            dirpath=directory,
            filename=filename,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            # It would write the weights of the moment over the best ones.
            save_on_exception=False,
            **settings,
        )

    @property
    def state_key(self) -> str:
        """Name the state; Lightning asks for it at each hook, and ModelCheckpoint spells it out."""
        return type(self).__name__

    def state_dict(self) -> State:
        """Return the state with file names in place of paths."""
        return _name_files(super().state_dict())

    def load_state_dict(self, state_dict: State) -> None:
        """Take a state over into the directory that the run is in now.

        Raises:
            ChecksumError: It names another file than this one.
        """
        own = Path(str(self.dirpath)) / f"{self.filename}{self.FILE_EXTENSION}"
        state = _place_files(state_dict, self)
        named = {*state["best_k_models"], *(state[key] for key in _PATHS)}
        if others := sorted(named - {"", str(own)}):
            other = os.path.relpath(others[0], own.parent)
            raise ChecksumError(
                f"The checkpoint names the file {other!r} in place of {own.name!r}."
            )
        if own.is_file():  # else the state is of another run, whose best is no rival here
            super().load_state_dict(state)
            self.current_score = state.get("current_score")  # Lightning leaves it out


class BestCheckpoint(_RunCheckpoint):
    """Keep the epoch of the best score; of equal ones the earliest.

    Args:
        directory: Where to write best.ckpt.
        score: Metric to follow.
        mode: Whether it is best at its ``max`` or ``min``.
    """

    def __init__(self, directory: Path, score: str, mode: Literal["min", "max"]) -> None:
        # Lightning writes it after a validation where that is not at each epoch's end.
        super().__init__(directory, "best", monitor=score, mode=mode, save_on_train_epoch_end=None)


class LastCheckpoint(_RunCheckpoint):
    """Keep the last completed epoch, and the start before there is one.

    It belongs after BestCheckpoint, whose state of the same epoch it must hold.

    Args:
        directory: Where to write last.ckpt.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "last", monitor=None, save_on_train_epoch_end=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the start, unless the run goes on from a checkpoint; one that has stopped is over.

        Lightning forgets that a training was stopped early, and would train another epoch.
        """
        super().on_train_start(trainer, pl_module)
        if trainer.ckpt_path is None:
            trainer.save_checkpoint(self.format_checkpoint_name({}))
        elif any(stopping.stopped_epoch for stopping in trainer.early_stopping_callbacks):
            trainer.should_stop = True


def find_checkpoint_to_test(trainer: pl.Trainer) -> Path | None:
    """Return the best checkpoint of a training, or its last where nothing was validated."""
    for kind in (BestCheckpoint, LastCheckpoint):
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, kind) and callback.best_model_path:
                return Path(callback.best_model_path)
    return None
