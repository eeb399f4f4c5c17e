"""A run is this user's own while it lies where it was made, unchanged, with its modules."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.own_runs import own_modules_of, remember
from mlp_lab.runs.run import Run


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text("x = 1\n")
    return path


@pytest.fixture
def run(tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that was remembered, with a module."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = Run.create(tmp_path, "base", "a: 1\n", {})
    remember(run, {"my_net": str(module)})
    return run


def records() -> list[Path]:
    return [*(platformdirs.user_state_path("mlp_lab") / "runs").iterdir()]


def test_ones_own_run_names_its_modules(run: Run, module: Path) -> None:
    assert own_modules_of(run) == {"my_net": str(module)}
    (record,) = records()
    assert json.loads(record.read_text())["run"] == str(run.dir.resolve())


def change_config(run: Run, module: Path) -> Run:
    run.config_path.write_text("a: 2\n")
    return run


def change_module(run: Run, module: Path) -> Run:
    module.write_text("x = 2\n")
    return run


def remove_module(run: Run, module: Path) -> Run:
    module.unlink()
    return run


def copy_run(run: Run, module: Path) -> Run:
    return Run(shutil.copytree(run.dir, run.dir.with_name("copy")))


def damage_record(run: Run, module: Path) -> Run:
    (record,) = records()
    record.write_text('{"modules": [1]}')
    return run


@pytest.mark.parametrize(
    "change", [change_config, change_module, remove_module, copy_run, damage_record]
)
def test_any_other_is_not(run: Run, module: Path, change: Callable[[Run, Path], Run]) -> None:
    assert own_modules_of(change(run, module)) is None


def test_a_state_that_cannot_be_written_matters_to_own_classes_alone(
    run: Run, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    remember(run, {})
    with pytest.warns(MLPLabWarning, match="could not be written: Not a .* will need --trust."):
        remember(run, {"my_net": str(module)})
