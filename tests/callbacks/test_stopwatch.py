"""Training time and images a second, with a clock that the test winds."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from mlp_lab.callbacks import Stopwatch
from mlp_lab.evaluation.evaluation import TrainingTime
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer

BATCH = torch.zeros(8, 2), torch.zeros(8)


@pytest.fixture
def wind(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    time = 100.0

    def forward(seconds: float) -> None:
        nonlocal time
        time += seconds

    clock = SimpleNamespace(perf_counter=lambda: time)
    monkeypatch.setattr("mlp_lab.callbacks.stopwatch.time", clock)
    return forward


@pytest.fixture
def task() -> ClassificationTask:
    return ClassificationTask((2,), 2)


def run_epoch(
    watch: Stopwatch, task: ClassificationTask, wind: Callable[[float], None], processes: int = 1
) -> None:
    trainer = fake_trainer(world_size=processes)
    watch.on_train_epoch_start(trainer, task)
    watch.on_train_batch_end(trainer, task, None, BATCH, 0)
    watch.on_train_batch_end(trainer, task, None, [BATCH, BATCH], 1)  # two steps as one
    wind(2)
    watch.on_validation_start(trainer, task)
    wind(5)
    watch.on_train_epoch_end(trainer, task)


def test_validation_is_in_the_whole_and_not_in_the_training_part(
    task: ClassificationTask, wind: Callable[[float], None]
) -> None:
    watch = Stopwatch()
    assert (watch.seconds, watch.images_per_second) == (0, 0)
    wind(1000)  # what comes before the first epoch does not count
    for _ in range(2):
        run_epoch(watch, task, wind)
    assert (watch.seconds, watch.train_seconds, watch.epoch_seconds) == (14, 4, 2)
    assert (watch.images, watch.images_per_second) == (48, 12)
    watch.on_fit_end(fake_trainer(), task)
    assert task.training_time == TrainingTime(14, 12, was_measured=True)


def test_all_processes_count(task: ClassificationTask, wind: Callable[[float], None]) -> None:
    watch = Stopwatch()
    run_epoch(watch, task, wind, processes=3)
    assert watch.images == 72


def test_a_resumed_run_goes_on_counting(
    task: ClassificationTask, wind: Callable[[float], None]
) -> None:
    first, second = Stopwatch(), Stopwatch()
    run_epoch(first, task, wind)
    second.load_state_dict(first.state_dict())
    wind(1000)  # the stop between them
    second.on_fit_end(fake_trainer(), task)
    assert task.training_time == TrainingTime(7, 12, was_measured=False)
    run_epoch(second, task, wind)
    assert (second.seconds, second.train_seconds, second.images) == (14, 4, 48)
