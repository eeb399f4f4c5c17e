"""What is loaded when: a fresh interpreter for each question."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import mlp_lab


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["mlp_lab.cli.main", "mlp_lab.runs.run", "mlp_lab.cli.invocation"]
)
def test_what_needs_no_training_loads_no_torch(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert not loaded & {"torch", "lightning", "numpy", "matplotlib", "jsonargparse"}


def test_nets_load_no_lightning() -> None:
    loaded = loaded_by("import mlp_lab.nets")
    assert "torch" in loaded
    assert not loaded & {"lightning", "pytorch_lightning", "torchmetrics"}


def test_every_module_imports() -> None:
    names = [m.name for m in pkgutil.walk_packages(mlp_lab.__path__, "mlp_lab.")]
    assert "mlp_lab.data.datamodule" in names
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)


def test_the_package_itself_loads_nothing() -> None:
    assert not loaded_by("import mlp_lab") & {"torch", "numpy", "yaml", "argparse"}


def test_every_public_name_is_there_and_documented() -> None:
    for name in mlp_lab.__all__:
        assert getattr(mlp_lab, name).__doc__
    assert {*mlp_lab.__all__} <= {*dir(mlp_lab)}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mlp_lab.nothing
