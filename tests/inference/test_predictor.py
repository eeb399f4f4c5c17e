"""Three kinds of files, one prediction."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import mlp_lab.inference
from mlp_lab.errors import ChecksumError, ConfigError, MLPLabWarning
from mlp_lab.inference import Predictions, Predictor
from tests.inference.conftest import KINDS


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 17, (40, 1, 8, 8), dtype=np.uint8)


def test_the_three_kinds_predict_the_same(models: dict[str, Path], images: np.ndarray) -> None:
    predicted = [Predictor(models[kind]).predict(images) for kind in KINDS]
    assert predicted[0].shape == (40, 10)
    assert predicted[0] == pytest.approx(predicted[1], abs=1e-5)
    assert (predicted[1] == predicted[2]).all()


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


def keep_first(path: Path, out: Path) -> Path:
    """Write an ONNX model that returns the probabilities of its first input only."""
    model = onnx.load(path)
    model.graph.initializer.extend(
        [onnx.numpy_helper.from_array(np.array([n]), name) for n, name in ((0, "i"), (1, "j"))]
    )
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            node.output[place] = "all" if name == "probabilities" else name
    slice_ = onnx.helper.make_node("Slice", ["all", "i", "j"], ["probabilities"])
    model.graph.node.append(slice_)
    onnx.save(model, out)
    return out


def test_outputs_of_the_first_input_alone_are_refused(
    models: dict[str, Path], images: np.ndarray, tmp_path: Path
) -> None:
    predictor = Predictor(keep_first(models["onnx"], tmp_path / "one.onnx"))
    with pytest.raises(ChecksumError, match=r"shape \(1, 10\) for 2 inputs; expected \(2, 10\)"):
        predictor.predict(images[:2])


def test_files_are_predicted_in_batches(
    models: dict[str, Path], images: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", x=images[:5], y=np.arange(5))
    predictor = Predictor(models["pth"])
    batches = list(predictor.predict_files(tmp_path / "a.npz", batch_size=3))
    assert [batch.names for batch in batches] == [["0", "1", "2"], ["3", "4"]]
    found = np.concatenate([batch.probabilities for batch in batches if batch.labels is not None])
    assert found == pytest.approx(predictor.predict(images[:5]), abs=1e-6)
    outputs, probabilities = predictor.forward(images[:5])
    assert np.concatenate([batch.outputs for batch in batches]) == pytest.approx(outputs, abs=1e-5)
    assert probabilities.sum(1) == pytest.approx(1)


def test_names_of_version_0_1_are_deprecated(models: dict[str, Path], images: np.ndarray) -> None:
    predictor = Predictor(models["pth"])
    with pytest.warns(
        MLPLabWarning,
        match=r"^Predictor\.answer is deprecated since 0\.2 and will be removed in 0\.3; "
        r"use Predictor\.forward\.$",
    ):
        found = predictor.answer(images)
    assert (found[-1] == predictor.predict(images)).all()
    with pytest.warns(MLPLabWarning, match=r"^Answers is deprecated .*; use Predictions\.$"):
        assert mlp_lab.inference.Answers is Predictions
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        mlp_lab.inference.Nothing  # noqa: B018
