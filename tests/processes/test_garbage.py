"""A training leaves no net behind: hundreds of them, each held by its trainer, fill the memory."""

import contextlib
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlp_lab
from mlp_lab.errors import ConfigError
from mlp_lab.interface import training
from mlp_lab.processes import garbage
from mlp_lab.sweep.grid import Grid
from mlp_lab.sweep.trials import SweepDir, run_trial


class Part:
    """Holds itself."""

    def __init__(self) -> None:
        self.other = self


@pytest.fixture
def left() -> Iterator[list[weakref.ref[Part]]]:
    """What a fit has left, with Python's own search for garbage off."""
    gc.collect()
    gc.disable()
    yield []
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize("is_frozen", [False, True])
def test_what_was_frozen_before_stays_so(left: list[weakref.ref[Part]], *, is_frozen: bool) -> None:
    if is_frozen:
        gc.freeze()
    with contextlib.suppress(ArithmeticError), garbage.leaving_none():
        left.append(weakref.ref(Part()))
        raise ArithmeticError
    assert left[0]() is None
    assert bool(gc.get_freeze_count()) is is_frozen


def test_a_trial_of_a_sweep_leaves_none(left: list[weakref.ref[Part]], tmp_path: Path) -> None:
    def fit(*_: object, **__: object) -> int:
        left.append(weakref.ref(Part()))
        return 0

    sweep = SweepDir(tmp_path, Grid([], [], {}, [0]))
    run_trial(sweep, next(sweep.grid.trials()), fit)
    assert left[0]() is None


def test_a_fit_from_python_leaves_none(
    left: list[weakref.ref[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: object, **__: object) -> int:
        left.append(weakref.ref(Part()))
        return 0

    monkeypatch.setattr(training, "load_command", lambda _: fit)
    with pytest.raises(ConfigError, match="leaves no run"):
        mlp_lab.fit()
    assert left[0]() is None
