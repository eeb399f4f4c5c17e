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
    """What a fit has left, with nothing frozen and Python's own search for garbage off."""
    was_enabled = gc.isenabled()
    gc.unfreeze()
    gc.collect()
    gc.disable()
    yield []
    gc.unfreeze()
    if was_enabled:
        gc.enable()


def test_what_is_imported_is_looked_through_neither_now_nor_later() -> None:
    gc.unfreeze()
    with garbage.importing():
        assert not gc.isenabled()
        imported = Part()
    assert gc.isenabled()
    assert not any(thing is imported for thing in gc.get_objects())
    gc.unfreeze()


@pytest.mark.parametrize("is_own_process", [False, True])
def test_only_a_process_of_our_own_is_frozen(
    left: list[weakref.ref[Part]], *, is_own_process: bool
) -> None:
    if is_own_process:
        gc.freeze()
    before = Part()
    with contextlib.suppress(ArithmeticError), garbage.leaving_none():
        is_looked_through = any(thing is before for thing in gc.get_objects())
        left.append(weakref.ref(Part()))
        raise ArithmeticError
    assert is_looked_through is not is_own_process
    assert left[0]() is None
    assert bool(gc.get_freeze_count()) is is_own_process


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
