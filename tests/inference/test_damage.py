"""Damaged files and odd descriptions: predictions or the package's errors, nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mlp_lab.errors import MLPLabError
from mlp_lab.inference import ModelInfo, Predictor
from mlp_lab.inference.inputs import read_batches
from tests.inference.conftest import KINDS

TRIALS = pytest.mark.parametrize(
    "trials", [30, pytest.param(3000, marks=pytest.mark.slow)], ids=["few", "many"]
)
DAMAGE = {
    "changes": st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=0, max_size=8),
    "cut": st.one_of(st.just(1.0), st.floats(0, 1)),
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NET_ARGUMENTS = ["hidden_dims", "activation", "init", "dropout", "batch_norm", "bias"]


def fuzz(trials: int, check: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Call ``check`` with so many draws."""
    quietly = settings(
        max_examples=trials,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    quietly(given(**drawn)(check))()


def mutate(content: bytes, changes: list[tuple[float, int]], cut: float) -> bytes:
    mutated = bytearray(content)
    for place, byte in changes:
        mutated[int(place * (len(mutated) - 1))] = byte
    return bytes(mutated[: max(1, int(cut * len(mutated)))])


def check_model(path: Path) -> None:
    try:
        predictor = Predictor(path)
        predictor.forward(np.zeros((1, *predictor.info.input_shape), predictor.info.input_type))
    except MLPLabError:
        pass


def check_inputs(path: Path, info: ModelInfo) -> None:
    try:
        for batch in read_batches([path], info, 2):
            assert batch.inputs.shape[1:] == info.input_shape
            assert batch.inputs.dtype == info.input_type
            assert batch.labels is None or batch.labels.max() < len(info.class_names)
    except MLPLabError:
        pass


@pytest.fixture(scope="module")
def array_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files of inputs, one of each kind."""
    directory = tmp_path_factory.mktemp("arrays")
    x = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)
    np.savez(directory / "a.npz", x_test=x, y_test=np.array([0, 1]), classes=["1", "5"])
    torch.save({"x_test": torch.tensor(x), "y_test": torch.tensor([0, 1])}, directory / "a.pt")
    Image.fromarray(x[0, 0]).save(directory / "a.png")
    Image.fromarray(x[0, 0]).save(directory / "a.jpg")
    Image.fromarray(x[0, 0]).save(directory / "a.gif")
    return {path.suffix[1:]: path.read_bytes() for path in directory.iterdir()}


@TRIALS
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_models(models: dict[str, Path], tmp_path: Path, kind: str, trials: int) -> None:
    def check(changes: list[tuple[float, int]], cut: float) -> None:
        path = tmp_path / f"model.{kind}"
        path.write_bytes(mutate(models[kind].read_bytes(), changes, cut))
        check_model(path)

    fuzz(trials, check, **DAMAGE)


@TRIALS
@pytest.mark.parametrize("kind", ["npz", "pt", "png", "jpg", "gif"])
def test_damaged_inputs(
    models: dict[str, Path],
    array_files: dict[str, bytes],
    tmp_path: Path,
    kind: str,
    trials: int,
) -> None:
    info = Predictor(models["onnx"]).info

    def check(changes: list[tuple[float, int]], cut: float) -> None:
        path = tmp_path / f"inputs.{kind}"
        path.write_bytes(mutate(array_files[kind], changes, cut))
        check_inputs(path, info)

    fuzz(trials, check, **DAMAGE)


@TRIALS
def test_odd_descriptions(models: dict[str, Path], tmp_path: Path, trials: int) -> None:
    def check(key: str, value: Any) -> None:
        content = torch.load(models["pth"], weights_only=True)
        content["model"][key] = value
        torch.save(content, tmp_path / "odd.pth")
        check_model(tmp_path / "odd.pth")

    fuzz(3 * trials, check, key=st.sampled_from([*ModelInfo.__annotations__]), value=PLAIN)


@TRIALS
def test_odd_nets(models: dict[str, Path], tmp_path: Path, trials: int) -> None:
    def check(arguments: dict[str, Any]) -> None:
        content = torch.load(models["pth"], weights_only=True)
        content["model"]["net"]["init_args"] |= arguments
        torch.save(content, tmp_path / "odd.pth")
        check_model(tmp_path / "odd.pth")

    fuzz(3 * trials, check, arguments=st.dictionaries(st.sampled_from(NET_ARGUMENTS), PLAIN))
