"""Three kinds of files are opened; whatever else they hold is refused and never run."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from mlp_lab.errors import ChecksumError, ConfigError, MLPLabError, RunNotFoundError
from mlp_lab.inference.backends import open_model
from mlp_lab.runs.run import Run
from tests.inference.conftest import KINDS, Bomb


@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_file_is_refused(models: dict[str, Path], tmp_path: Path, kind: str) -> None:
    content = models[kind].read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        path = tmp_path / f"torn{size}.{kind}"
        path.write_bytes(content[:size])
        with pytest.raises(ChecksumError, match=f"torn{size}.{kind}"):
            open_model(path)


def test_a_directory_is_taken_for_a_run(digits_run: Path, tmp_path: Path) -> None:
    info, _ = open_model(digits_run)
    assert info.run == Run(digits_run).name
    with pytest.raises(RunNotFoundError, match=r"holds no run: there is no config\.yaml in it"):
        open_model(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.txt").touch()
    with pytest.raises(ConfigError, match=r"is none of \.onnx, \.pth and \.ckpt"):
        open_model(tmp_path / "model.txt")
    with pytest.raises(RunNotFoundError, match="is not there"):
        open_model(tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["pth", "ckpt"])
def test_a_pickled_object_is_refused_and_never_run(
    models: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    mark = tmp_path / "was run"
    content = torch.load(models[kind], weights_only=True)
    torch.save({**content, "more": Bomb(mark)}, tmp_path / f"bomb.{kind}")
    (tmp_path / f"plain.{kind}").write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ChecksumError, match="could run any code, so it was not loaded"):
        open_model(tmp_path / f"bomb.{kind}")
    with pytest.raises(ChecksumError, match="is torn, or no file of tensors at all"):
        open_model(tmp_path / f"plain.{kind}")
    assert not mark.exists()
    torch.load(tmp_path / f"bomb.{kind}", weights_only=False)
    assert mark.exists()  # it would have


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": {"class_path": "os.system", "init_args": {}}}, "no net of mlp_lab. If you trust"),
        ({"net": {"class_path": "mlp_lab.nets.No", "init_args": {}}}, "no net of mlp_lab"),
        ({"net": {"class_path": "mlp_lab.data.Digits", "init_args": {}}}, "which is no net"),
        (
            {"net": {"class_path": "mlp_lab.nets.MLP", "init_args": {"hidden_dims": [10**9]}}},
            r"but the net wants \(1000000000, 64\)",
        ),
        (
            {"net": {"class_path": "mlp_lab.nets.MLP", "init_args": {"depth": 2}}},
            "the description of the net makes none",
        ),
        (
            {"net": {"class_path": "mlp_lab.nets.ResNet", "init_args": {"blocks": [10**9]}}},
            "together there may be 1000",
        ),
        ({"num_outputs": 0}, "num_outputs is 0"),
        ({"class_names": ["a"]}, "10 outputs with softmax are not of 1 classes"),
        ({"head": "argmax"}, "head is 'argmax'"),
        ({"input_shape": [1, 9, 9]}, "but the net wants"),
    ],
)
def test_a_description_that_fits_nothing_is_refused(
    models: dict[str, Path], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    content = torch.load(models["pth"], weights_only=True)
    content["model"] |= changes
    torch.save(content, tmp_path / "changed.pth")
    with pytest.raises(MLPLabError, match=message):
        open_model(tmp_path / "changed.pth")


def change(path: Path, out: Path, **changes: Any) -> Path:
    """Write an ONNX model with another input name, without metadata, or with external data."""
    model = onnx.load(path)
    if "rename" in changes:
        for node in model.graph.node:
            for place, name in enumerate(node.input):
                node.input[place] = changes["rename"] if name == "inputs" else name
        model.graph.input[0].name = changes["rename"]
    for key in changes.get("forget", []):
        kept = [entry for entry in model.metadata_props if entry.key != key]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
    if changes.get("external"):
        onnx.save(model, out, save_as_external_data=True, location="weights", size_threshold=0)
        (out.parent / "weights").unlink()
    else:
        onnx.save(model, out)
    return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rename": "images"}, "takes 'images' and gives logits, probabilities; a model of"),
        ({"forget": ["class_names"]}, "lacks the metadata that mlp_lab writes into its models"),
        ({"forget": ["net", "head", "run"]}, "Export one with mlp-lab export"),
        ({"external": True}, "is torn, or no ONNX model"),
    ],
)
def test_a_foreign_onnx_is_refused(
    models: dict[str, Path], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = change(models["onnx"], tmp_path / "other.onnx", **changes)
    with pytest.raises(ChecksumError, match=message):
        open_model(path)


def test_a_checkpoint_is_a_zip_that_holds_its_description(models: dict[str, Path]) -> None:
    assert zipfile.is_zipfile(models["ckpt"])
    assert open_model(models["ckpt"])[0].run == "base/version_0"
