"""What is loaded when: a fresh interpreter for each question."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

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


def test_an_onnx_model_is_served_without_torch(digits_run: Path) -> None:
    loaded = loaded_by(
        "from pathlib import Path; from mlp_lab.cli.main import load_command\n"
        "load_command('serve')\n"
        "from mlp_lab.serve.app import make_app; from mlp_lab.serve.limits import Limits\n"
        "from mlp_lab.serve import server; from mlp_lab.serve.service import Service\n"
        "from mlp_lab.serve.model import ServedModel\n"
        f"make_app(Service(ServedModel(Path({str(digits_run)!r})), Limits()))"
    )
    assert {"starlette", "uvicorn", "onnxruntime"} <= loaded
    assert not loaded & {"torch", "lightning", "matplotlib", "jsonargparse", "scipy", "sklearn"}


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
