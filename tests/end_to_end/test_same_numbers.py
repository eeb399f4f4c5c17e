"""The script that holds a rebuild to its numbers notices one flipped bit."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "same_numbers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("same_numbers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flip_last_bit_of_a_weight(run_dir: Path) -> None:
    path = run_dir / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    weight = next(t for n, t in checkpoint["state_dict"].items() if n.endswith("weight"))
    weight.view(torch.int32).view(-1)[-1].bitwise_xor_(1)
    torch.save(checkpoint, path)


def change_a_metric(run_dir: Path) -> None:
    path = run_dir / "metrics.json"
    path.write_text(path.read_text().replace('"epochs": 3', '"epochs": 4'))


def change_times(run_dir: Path) -> None:
    path = run_dir / "metrics.json"
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 1'))


@pytest.mark.parametrize(
    ("change", "different"),
    [
        (flip_last_bit_of_a_weight, ["run: best.ckpt"]),
        (change_a_metric, ["run: metrics.json"]),
        (change_times, []),
    ],
)
def test_what_is_different_is_named(
    script: ModuleType,
    digits_run: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    different: list[str],
) -> None:
    copy = Path(shutil.copytree(digits_run, tmp_path / "run"))
    before = {"run": script.fingerprint(copy)}
    change(copy)
    assert script.differences(before, {"run": script.fingerprint(copy)}) == different


def test_a_configuration_that_is_gone_is_different(script: ModuleType, digits_run: Path) -> None:
    before = {"run": script.fingerprint(digits_run)}
    assert len(script.differences(before, {})) == len(before["run"])
