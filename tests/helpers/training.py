"""What tests of training share."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.data import Batch, Digits, LabDataModule
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.tasks import ClassificationTask, Task
from mlp_lab.training.job import Job


def same_tensors(first: Any, second: Any) -> bool:
    """Whether two nests of tensors and plain types are equal bit by bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same_tensors(first[key], second[key]) for key in first
        )
    if isinstance(first, list | tuple):
        return all(same_tensors(a, b) for a, b in zip(first, second, strict=True))
    return bool(first == second)


def assert_same_training(first: Path, second: Path) -> None:
    """Compare two runs bit by bit: metrics, weights, optimiser, best score."""
    assert (first / "metrics.csv").read_bytes() == (second / "metrics.csv").read_bytes()
    for name in ("best.ckpt", "last.ckpt"):
        one, two = (read_checkpoint(run / "checkpoints" / name) for run in (first, second))
        for key in ("epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers"):
            assert same_tensors(one[key], two[key]), (name, key)
        scores = [
            state["best_model_score"]
            for checkpoint in (one, two)
            for key, state in checkpoint["callbacks"].items()
            if key.startswith("BestCheckpoint")
        ]
        assert scores[0] == scores[1]


def callbacks(*paths: str, **arguments: Mapping[str, Any]) -> str:
    """Return the flag for callbacks of these class paths, and of these names with arguments."""
    specs: list[dict[str, Any]] = [{"class_path": path} for path in paths]
    specs += [{"class_path": name, "init_args": given} for name, given in arguments.items()]
    return f"--trainer.callbacks={json.dumps(specs)}"


def make_job(*words: str) -> Job:
    """Return what a fit would do, with nothing done yet."""
    return LabCLI("fit", read_invocation("fit", words)).job


def loss_and_outputs(task: Task, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a training step begins with."""
    (prepared,) = task.prepare([batch])
    return task.compute_loss(prepared)


class KilledError(BaseException):
    """As sudden as a kill: nothing catches it."""


@contextmanager
def killed_at_step(step: int) -> Iterator[None]:
    """Expect a training to be killed when so many steps are done."""
    compute_loss = Task.compute_loss

    def kill(self: Task, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        if self.global_step == step:
            raise KilledError
        return compute_loss(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "compute_loss", kill)
        with pytest.raises(KilledError):
            yield


class SlowGoodbye(pl.Callback):
    """Takes its time when a training is interrupted."""

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        Path("goodbye").touch()
        time.sleep(60)  # the test's second Ctrl-C ends it


class RuinWeightsBeforeValidation(pl.Callback):
    """Spoils the weights when the steps of an epoch are done and looked at."""

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with torch.no_grad():
            next(pl_module.parameters()).fill_(float("inf"))


class RuinWeights(pl.Callback):
    """Spoils the weights after the last step of an epoch."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with torch.no_grad():
            next(pl_module.parameters()).fill_(float("inf"))


def fake_trainer(**attributes: Any) -> Any:
    """Return what stands in for a Trainer where a callback reads a few of its attributes."""
    usual: dict[str, Any] = {
        **{"is_global_zero": True, "global_rank": 0, "world_size": 1},
        **{"current_epoch": 0, "global_step": 0, "max_epochs": 3, "ckpt_path": None},
        **{"callback_metrics": {}, "callbacks": [], "loggers": [], "log_every_n_steps": 1},
        "datamodule": None,
    }
    return SimpleNamespace(**usual | attributes)


def train_and_test(
    callbacks: Sequence[pl.Callback], root: Path, *, tester: bool = False
) -> ClassificationTask:
    """Train and test as a user of the package does, with a Trainer of their own or one for each."""
    data = LabDataModule(Digits(), root=root)
    pl.seed_everything(0, verbose=False)
    task = ClassificationTask((1, 8, 8), 10)

    def make_trainer() -> pl.Trainer:
        return pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[*callbacks],
        )

    trainer = make_trainer()
    trainer.fit(task, datamodule=data)
    trainer = make_trainer() if tester else trainer
    trainer.test(task, datamodule=data, verbose=False)
    return task


class CountEpochs(pl.Callback):
    """Keeps how many epochs have begun, and prints it at a test."""

    epochs = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs += 1

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        print(f"epochs seen: {self.epochs}")

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = state_dict["epochs"]
