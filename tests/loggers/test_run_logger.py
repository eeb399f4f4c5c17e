"""Lightning's counts become the project's in one place, and a service that fails is left alone."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlp_lab.errors import MissingExtraError, MLPLabWarning
from mlp_lab.loggers.run_logger import (
    Row,
    RunLogger,
    Tracker,
    first_sentence,
    import_client,
    series_by_metric,
)


class Rows(RunLogger):
    """Keeps its rows."""

    name, version = "rows", 0

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        self.rows += rows


class Calls(Tracker):
    """Keeps its calls, and fails at those that are named."""

    name = "A service"

    def __init__(self, *failing: str) -> None:
        super().__init__()
        self.failing = failing
        self.calls: list[tuple[Any, ...]] = []

    def _call(self, name: str, *values: Any) -> None:
        self.calls.append((name, *values))
        if name in self.failing:
            raise ConnectionError(f"no {name}\nat all")

    def _log_rows(self, rows: Sequence[Row], every: int) -> None:
        self._call("rows", *rows)

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        self._call("settings", settings)

    def _log_figure(self, name: str, path: Path, step: int) -> None:
        self._call("figure", name, step)

    def _log_checkpoint(self, checkpoint: Any) -> None:
        self._call("checkpoint", checkpoint.best_model_path)

    def _finalize(self, status: str) -> None:
        self._call("finalize", status)


def test_lightnings_metrics_become_a_row_counted_from_one() -> None:
    logger = Rows()
    metrics = {"epoch": 0, "val/acc": 0.5}
    logger.log_metrics(metrics, step=3)
    logger.log_metrics({"lr": 0.1})
    assert logger.rows == [{"epoch": 1, "val/acc": 0.5, "step": 4}, {"lr": 0.1, "step": 1}]
    assert metrics == {"epoch": 0, "val/acc": 0.5}


def test_a_tracker_gets_the_same_rows() -> None:
    tracker = Calls()
    tracker.log_metrics({"epoch": 2, "val/acc": 0.5}, step=8)
    assert tracker.calls == [("rows", {"epoch": 3, "val/acc": 0.5, "step": 9})]


def test_the_first_failure_is_one_warning_and_the_last_call() -> None:
    tracker = Calls("figure")
    tracker.log_settings({"seed": 0})
    with pytest.warns(
        MLPLabWarning,
        match=r"^A service takes nothing more: no figure\. The training goes on without it\.$",
    ):
        tracker.log_figure("net", Path("net.png"), 3)
    tracker.log_metrics({"val/acc": 0.5}, step=0)  # a second warning would be an error
    tracker.save()
    tracker.finalize("success")
    assert tracker.calls == [("settings", {"seed": 0}), ("figure", "net", 3)]


def test_only_the_best_checkpoint_of_a_score_is_logged() -> None:
    tracker = Calls()
    for monitor, path in ((None, "last.ckpt"), ("val/acc", ""), ("val/acc", "best.ckpt")):
        callback: Any = SimpleNamespace(monitor=monitor, best_model_path=path)
        tracker.after_save_checkpoint(callback)
    assert tracker.calls == [("checkpoint", "best.ckpt")]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"^it needs pip install 'mlp_lab\[wandb\]'\.$"):
        import_client("wandb")


def test_a_row_may_lack_metrics_of_others() -> None:
    rows = [{"epoch": 1, "step": 1, "lr": 0.5}, {"step": 2, "lr": 0.25, "val/acc": 1}]
    assert series_by_metric(rows) == {"lr": ([0.5, 0.25], [1, 2]), "val/acc": ([1.0], [2])}


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("", "ValueError."),
        ("no answer", "no answer."),
        ("No answer!\nTry again", "No answer!"),
        ("\x1b[95m\n----NeptuneMissingToken----\n\x1b[0m\n - \nNo token. See", "No token. See."),
    ],
)
def test_the_first_sentence_of_an_error(message: str, sentence: str) -> None:
    assert first_sentence(ValueError(message)) == sentence
