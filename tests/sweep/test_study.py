"""One study as several workers see it, in one process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.sweep.grid import Grid
from mlp_lab.sweep.study import Result, Score, Study
from mlp_lab.sweep.study_workers import Work
from mlp_lab.sweep.trials import SweepDir

DONE = Result("complete", 0.5, "", 1.0)
FAILED = Result("failed", None, "no good", 1.0)


def fit(*_: object, **__: object) -> int:
    return 0


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Two trials in a journal."""
    grid = Grid([], [], {"model.optimizer.lr": ["0.1", "0.2"]}, [0])
    return Work(SweepDir(tmp_path / "lab", grid), None, Score("val/acc", "max"), fit, fit)


@pytest.fixture
def join(work: Work) -> Iterator[Callable[[], Study]]:
    """What makes a worker of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(work.joined())


def test_a_trial_that_was_claimed_and_finished_meanwhile_is_left_out(
    join: Callable[[], Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = join(), join()
    listed = slow.trials()
    first = quick.claim()
    assert first is not None
    quick.tell(first, DONE)
    monkeypatch.setattr(slow, "trials", lambda *_: listed)
    second = slow.claim()
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    quick.tell(second, DONE)
    assert slow.claim() is None


def test_what_another_has_told_stays(join: Callable[[], Study]) -> None:
    study = join()
    claim = study.claim()
    assert claim is not None
    study.tell(claim, DONE)
    study.tell(claim, FAILED)
    states: list[Any] = [trial.state.name for trial in study.trials()]
    assert states == ["COMPLETE", "WAITING"]
    assert study.failures() == {}
