"""A Lightning logger gets Lightning's own counts, whoever logs."""

from typing import Any

import pytest
from lightning.pytorch.loggers import Logger

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import GuardedLogger, run_loggers


class Recorder(Logger):
    """Keeps what it gets."""

    name, version, experiment = "recorder", 0, "a client"

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[tuple[dict[str, float], int | None]] = []
        self.settings: Any = None

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.logged.append((metrics, step))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.settings = params

    def save(self) -> None:
        raise OSError("the disk is full")


def test_lightnings_metrics_are_passed_on_unchanged() -> None:
    recorder = Recorder()
    GuardedLogger(recorder).log_metrics({"epoch": 0, "val/acc": 0.5}, 3)
    assert recorder.logged == [({"epoch": 0, "val/acc": 0.5}, 3)]


def test_of_rows_every_nth_step_is_logged_and_counted_from_zero() -> None:
    recorder = Recorder()
    rows = [{"epoch": 1, "step": step, "train/loss": step / 10} for step in range(1, 8)]
    GuardedLogger(recorder).log_rows(rows, every=3)
    assert recorder.logged == [({"train/loss": 0.3}, 2), ({"train/loss": 0.6}, 5)]
    GuardedLogger(recorder).log_rows(rows, every=0)
    assert len(recorder.logged) == 2


def test_settings_are_flat() -> None:
    recorder = Recorder()
    GuardedLogger(recorder).log_settings({"model": {"optimizer": {"lr": 0.1}}})
    assert recorder.settings == {"model.optimizer.lr": 0.1}


def test_a_logger_that_failed_has_no_client() -> None:
    logger = GuardedLogger(Recorder())
    assert logger.experiment == "a client"
    with pytest.warns(MLPLabWarning, match="Recorder takes nothing more: the disk is full."):
        logger.save()
    assert logger.experiment is None


def test_only_loggers_of_others_are_guarded() -> None:
    recorder = Recorder()
    (guarded,) = run_loggers([recorder])
    assert isinstance(guarded, GuardedLogger)
    assert guarded.logger is recorder
    assert run_loggers([guarded]) == [guarded]
