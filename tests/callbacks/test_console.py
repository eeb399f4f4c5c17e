"""One line for each epoch."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from mlp_lab.callbacks import BestCheckpoint, EpochLines, StepMetrics, Stopwatch, progress_bars
from mlp_lab.callbacks.console import NotebookBar
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer

TASK = ClassificationTask((2,), 2)


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EpochLines:
    """A callback whose best checkpoint has a score of 0.8."""
    steps, stopwatch = StepMetrics(), Stopwatch()
    steps.epoch_means = {"train/acc": 0.75, "train/loss": 0.5}
    stopwatch.epoch_seconds = 1.25
    best = BestCheckpoint(tmp_path, "val/acc", "max")
    monkeypatch.setattr(best, "check_monitor_top_k", lambda _, score: score > 0.8)
    return EpochLines(steps, stopwatch, best)


def end_epoch(
    lines: EpochLines, val_acc: float | None, task: ClassificationTask = TASK, **attributes: Any
) -> None:
    metrics = {"train/x": 1.0, "val/loss": 2.0, "val/acc": val_acc or 0.0, "val/f1_macro": 0.5}
    scores = {key: torch.tensor(value) for key, value in metrics.items()}
    trainer = fake_trainer(callback_metrics=scores, max_epochs=10, **attributes)
    lines.on_train_epoch_start(trainer, task)
    if val_acc is not None:
        lines.on_validation_end(trainer, task)
    lines.on_train_epoch_end(trainer, task)


def test_a_line_has_training_and_validation(
    lines: EpochLines, capsys: pytest.CaptureFixture[str]
) -> None:
    end_epoch(lines, 0.9)
    end_epoch(lines, 0.7, current_epoch=9)
    assert capsys.readouterr().out.splitlines() == [
        "epoch  1/10  train: loss 0.5000 acc 0.7500  val: loss 2.0000 acc 0.9000    1.2 s  best",
        "epoch 10/10  train: loss 0.5000 acc 0.7500  val: loss 2.0000 acc 0.7000    1.2 s",
    ]


def test_f1_is_shown_where_it_is_the_score(
    lines: EpochLines, capsys: pytest.CaptureFixture[str]
) -> None:
    end_epoch(lines, 0.9, ClassificationTask((2,), 2, score="val/f1_macro"))
    assert "val: loss 2.0000 f1_macro 0.5000 acc 0.9000 " in capsys.readouterr().out


def test_an_epoch_without_validation_shows_none(
    lines: EpochLines, capsys: pytest.CaptureFixture[str]
) -> None:
    end_epoch(lines, 0.9)
    end_epoch(lines, None, current_epoch=1)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "epoch  2/10  train: loss 0.5000 acc 0.7500    1.2 s"


def test_one_process_prints(lines: EpochLines, capsys: pytest.CaptureFixture[str]) -> None:
    stopping = EarlyStopping("val/acc")
    stopping.stopping_reason_message = "No more. Signaling Trainer to stop."
    for is_first in (True, False):
        end_epoch(lines, 0.9, is_global_zero=is_first)
        trainer = fake_trainer(is_global_zero=is_first, callbacks=[stopping], current_epoch=4)
        lines.on_train_end(trainer, TASK)
    _, second = capsys.readouterr().out.splitlines()
    assert second == "stopped early after epoch 4: No more."


def test_a_notebook_has_a_bar_over_the_epochs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr("sys.stdout", notebook())
    (bar,) = progress_bars()
    trainer = fake_trainer(max_epochs=3, current_epoch=1)
    bar.on_train_start(trainer, TASK)
    bar.on_train_epoch_end(trainer, TASK)
    bar.on_train_epoch_end(trainer, TASK)
    bar.teardown(trainer, TASK, "fit")
    assert " 1/3 " in capsys.readouterr().err  # the others come too quickly to be shown
    assert isinstance(bar, NotebookBar)
    assert (bar._bar.n, bar._bar.disable) == (3, True)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_for_a_terminal(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    assert len(progress_bars()) == is_terminal
