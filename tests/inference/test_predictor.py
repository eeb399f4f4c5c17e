"""Three kinds of files, one answer; whatever else they hold is refused and never run."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from mlp_lab.errors import ChecksumError, ConfigError, MLPLabError, RunNotFoundError
from mlp_lab.inference import Predictor
from tests.inference.conftest import KINDS


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 17, (40, 1, 8, 8), dtype=np.uint8)


def test_the_three_kinds_say_the_same(models: dict[str, Path], images: np.ndarray) -> None:
    answers = [Predictor(models[kind]).predict(images) for kind in KINDS]
    assert answers[0].shape == (40, 10)
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    assert (answers[1] == answers[2]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_and_a_single_input_are_taken(
    models: dict[str, Path], images: np.ndarray, kind: str
) -> None:
    predictor = Predictor(models[kind])
    several = predictor.predict(images[:3])
    assert (predictor.predict(torch.from_numpy(images[:3])) == several).all()
    assert predictor.predict(images[0]) == pytest.approx(several[0], abs=1e-6)
    assert predictor.predict(images[0]).shape == (10,)


@pytest.mark.parametrize("kind", KINDS)
def test_other_inputs_are_refused(models: dict[str, Path], kind: str) -> None:
    predictor = Predictor(models[kind])
    with pytest.raises(ConfigError, match=r"float64 of shape \(1, 8, 8\); the model takes uint8"):
        predictor.predict(np.zeros((2, 1, 8, 8)))
    with pytest.raises(ConfigError, match=r"of shape \(3, 8, 8\); the model takes .* \(1, 8, 8\)"):
        predictor.predict(np.zeros((2, 3, 8, 8), np.uint8))


@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_file_is_refused(models: dict[str, Path], tmp_path: Path, kind: str) -> None:
    content = models[kind].read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        path = tmp_path / f"torn{size}.{kind}"
        path.write_bytes(content[:size])
        with pytest.raises(ChecksumError, match=f"torn{size}.{kind}"):
            Predictor(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.txt").touch()
    with pytest.raises(ConfigError, match=r"is none of \.onnx, \.pth and \.ckpt"):
        Predictor(tmp_path / "model.txt")
    with pytest.raises(RunNotFoundError, match="is not there"):
        Predictor(tmp_path / "model.onnx")


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["pth", "ckpt"])
def test_a_pickled_object_is_refused_and_never_run(
    models: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    mark = tmp_path / "was run"
    content = torch.load(models[kind], weights_only=True)
    torch.save({**content, "more": Bomb(mark)}, tmp_path / f"bomb.{kind}")
    (tmp_path / f"plain.{kind}").write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ChecksumError, match="could run any code, so it was not loaded"):
        Predictor(tmp_path / f"bomb.{kind}")
    with pytest.raises(ChecksumError, match="is torn, or no file of tensors at all"):
        Predictor(tmp_path / f"plain.{kind}")
    assert not mark.exists()
    torch.load(tmp_path / f"bomb.{kind}", weights_only=False)
    assert mark.exists()  # it would have


def test_npz_with_objects_is_refused_and_never_run(models: dict[str, Path], tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    np.savez(tmp_path / "bomb.npz", x_test=np.array([Bomb(mark)], dtype=object))
    mark.unlink(missing_ok=True)
    predictor = Predictor(models["onnx"])
    with pytest.raises(ChecksumError, match="holds pickled objects"):
        list(predictor.predict_files(tmp_path / "bomb.npz"))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
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
    models: dict[str, Path], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    content = torch.load(models["pth"], weights_only=True)
    content["model"] |= changes
    torch.save(content, tmp_path / "changed.pth")
    with pytest.raises(MLPLabError, match=said):
        Predictor(tmp_path / "changed.pth")


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
    if changes.get("only_first"):
        model.graph.initializer.extend(
            [onnx.numpy_helper.from_array(np.array([n]), name) for n, name in ((0, "i"), (1, "j"))]
        )
        for node in model.graph.node:
            for place, name in enumerate(node.output):
                node.output[place] = "all" if name == "probabilities" else name
        slice_ = onnx.helper.make_node("Slice", ["all", "i", "j"], ["probabilities"])
        model.graph.node.append(slice_)
    if changes.get("external"):
        onnx.save(model, out, save_as_external_data=True, location="weights", size_threshold=0)
        (out.parent / "weights").unlink()
    else:
        onnx.save(model, out)
    return out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rename": "images"}, "takes 'images' and gives logits, probabilities; a model of"),
        ({"forget": ["class_names"]}, "does not say what mlp_lab writes into its models"),
        ({"forget": ["net", "head", "run"]}, "Export one with mlp-lab export"),
        ({"external": True}, "is torn, or no ONNX model"),
    ],
)
def test_a_foreign_onnx_is_refused(
    models: dict[str, Path], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = change(models["onnx"], tmp_path / "other.onnx", **changes)
    with pytest.raises(ChecksumError, match=said):
        Predictor(path)


def test_an_onnx_that_answers_of_the_first_alone_is_refused(
    models: dict[str, Path], images: np.ndarray, tmp_path: Path
) -> None:
    predictor = Predictor(change(models["onnx"], tmp_path / "one.onnx", only_first=True))
    with pytest.raises(ChecksumError, match=r"shape \(1, 10\) for 2 inputs; expected \(2, 10\)"):
        predictor.predict(images[:2])


def test_onnx_needs_no_torch(models: dict[str, Path], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 8, 8), np.uint8))
    words = ["infer", str(models["onnx"]), "a.png", "a.npz", "--out", "a.json"]
    code = (
        f"import sys; from mlp_lab.cli.main import main; assert main({words}) == 0; "
        "assert not {'torch', 'lightning', 'matplotlib', 'sklearn', 'onnx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=os.environ)
    assert len(json.loads((tmp_path / "a.json").read_text())) == 4


def test_a_checkpoint_is_a_zip_that_holds_its_description(models: dict[str, Path]) -> None:
    assert zipfile.is_zipfile(models["ckpt"])
    assert Predictor(models["ckpt"]).info.run == "base/version_0"
