"""Numbers of steps: read in blocks, logged in order, with the means of each epoch."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import torch

from mlp_lab.callbacks import StepMetrics
from mlp_lab.data import Digits, LabDataModule
from mlp_lab.errors import DivergenceError
from mlp_lab.loggers import CSVLogger
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer

TASK = ClassificationTask((2,), 2)


class Recorder(CSVLogger):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, float]] = []
        self.went_back_to: list[int] = []
        self.every: int | None = None

    def go_back(self, step: int) -> None:
        self.went_back_to.append(step)

    def log_rows(self, rows: Iterable[Mapping[str, float]], every: int = 1) -> None:
        self.rows += rows
        self.every = every

    def save(self) -> None:
        pass


def output(loss: float, rate: float = 0.1) -> dict[str, Any]:
    loss_ = torch.tensor(loss)
    return {"loss": loss_, "steps": steps((loss, rate))}


def steps(*losses_and_rates: tuple[float, float]) -> dict[str, Any]:
    losses, rates = zip(*losses_and_rates, strict=True)
    return {
        "lr": [*rates],
        "train/loss": torch.tensor(losses),
        "train/acc": torch.ones(len(losses)),
    }


@pytest.fixture
def trainer() -> Any:
    return fake_trainer(loggers=[Recorder()])


def take_step(metrics: StepMetrics, trainer: Any, outputs: Any, num_steps: int = 1) -> None:
    trainer.global_step += num_steps
    metrics.on_train_batch_end(trainer, TASK, outputs, None, 0)


def begin(trainer: Any) -> StepMetrics:
    metrics = StepMetrics()
    metrics.on_train_start(trainer, TASK)
    metrics.on_train_epoch_start(trainer, TASK)
    return metrics


def test_rows_wait_for_the_epochs_end(trainer: Any) -> None:
    trainer.global_step = 4
    metrics = begin(trainer)
    recorder = trainer.loggers[0]
    assert recorder.went_back_to == [4]
    take_step(metrics, trainer, output(1.0))
    take_step(metrics, trainer, {"steps": steps((2.0, 0.2), (6.0, 0.3))}, num_steps=2)
    assert recorder.rows == []
    metrics.on_validation_start(trainer, TASK)
    assert recorder.rows == [
        {"epoch": 1, "step": step, "train/loss": loss, "train/acc": 1.0, "lr": rate}
        for step, loss, rate in ((5, 1.0, 0.1), (6, 2.0, 0.2), (7, 6.0, 0.3))
    ]
    assert metrics.epoch_means == {"train/loss": 3.0, "train/acc": 1.0}
    metrics.on_train_epoch_end(trainer, TASK)
    assert len(recorder.rows) == 3


def test_a_module_of_ones_own_may_return_single_metrics(trainer: Any) -> None:
    metrics = begin(trainer)
    loss = torch.tensor(2.0, requires_grad=True)
    take_step(metrics, trainer, {"loss": loss, "lr": 0.1, "train/loss": loss, "other": 1})
    metrics.on_train_epoch_end(trainer, TASK)
    assert trainer.loggers[0].rows == [{"epoch": 1, "step": 1, "train/loss": 2.0, "lr": 0.1}]


def test_means_are_of_an_epoch_in_several_parts(trainer: Any) -> None:
    metrics = begin(trainer)
    for losses in ((1.0,), (2.0, 6.0)):
        for loss in losses:
            take_step(metrics, trainer, output(loss))
        metrics.on_validation_start(trainer, TASK)
    assert metrics.epoch_means["train/loss"] == 3
    metrics.on_train_epoch_start(trainer, TASK)
    take_step(metrics, trainer, output(8.0))
    metrics.on_train_epoch_end(trainer, TASK)
    assert metrics.epoch_means["train/loss"] == 8


def test_batches_of_one_step_are_one_row(trainer: Any) -> None:
    """Gathered gradients: the step is counted at its last batch, and has the mean of all."""
    metrics = begin(trainer)
    take_step(metrics, trainer, output(1.0), num_steps=0)
    metrics.on_validation_start(trainer, TASK)
    assert trainer.loggers[0].rows == []
    take_step(metrics, trainer, output(3.0, 0.2))
    metrics.on_validation_start(trainer, TASK)
    (row,) = trainer.loggers[0].rows
    assert row == {"epoch": 1, "step": 1, "train/loss": 2.0, "train/acc": 1.0, "lr": 0.2}


def test_a_loss_that_is_not_finite_is_logged_and_stops(trainer: Any) -> None:
    metrics = begin(trainer)
    take_step(metrics, trainer, output(float("nan")))
    with pytest.raises(DivergenceError, match="train/loss is nan at step 1"):
        metrics.on_train_epoch_end(trainer, TASK)
    assert len(trainer.loggers[0].rows) == 1


@pytest.mark.parametrize(("loss", "rate"), [(float("inf"), 0.1), (1.0, float("nan"))])
def test_without_loggers_too(trainer: Any, loss: float, rate: float) -> None:
    trainer.loggers = []
    metrics = begin(trainer)
    take_step(metrics, trainer, output(2.0))
    take_step(metrics, trainer, output(loss, rate))
    with pytest.raises(DivergenceError, match=r"is (inf|nan) at step 2"):
        metrics.on_train_epoch_end(trainer, TASK)


@pytest.mark.parametrize(("every", "expected"), [(50, 6), (4, 4), (0, 0)])
def test_every_epoch_has_a_step_that_all_loggers_get(every: int, expected: int) -> None:
    """Of 180 digits, two batches of 16 a step, six steps are an epoch."""
    data = LabDataModule(Digits(), batch_size=16)
    data.setup("fit")
    data.subsets["train"] = data.subsets["train"].at(torch.arange(180))
    recorder = Recorder()
    settings = {"log_every_n_steps": every, "accumulate_grad_batches": 2}
    trainer = fake_trainer(loggers=[recorder], datamodule=data, **settings)
    metrics = begin(trainer)
    take_step(metrics, trainer, output(1.0))
    metrics.on_train_epoch_end(trainer, TASK)
    assert recorder.every == expected
