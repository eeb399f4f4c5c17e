"""One net in each kind of file."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.cli.commands.export import export

KINDS = ("onnx", "pth", "ckpt")


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="package")
def models(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same net in three files."""
    directory = tmp_path_factory.mktemp("models")
    paths = {kind: directory / f"model.{kind}" for kind in KINDS}
    for kind in ("onnx", "pth"):
        words = [str(digits_run), "--format", kind, "--out", str(paths[kind])]
        assert export(words) == 0
    shutil.copy(digits_run / "checkpoints" / "best.ckpt", paths["ckpt"])
    return paths
