"""A model file agrees with the net, for every net and task, from raw inputs."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mlp_lab.errors import ConfigError, ExportError
from mlp_lab.export.model_file import _expected_outputs, compare_outputs, write_model
from mlp_lab.export.model_info import describe_model, samples_to_check
from mlp_lab.inference import Predictor
from mlp_lab.nets import MLP
from tests.conftest import CommandLine
from tests.export.conftest import CASES, make

LOGITS = np.array([[1.0, -3.0], [0.0, 0.5]], np.float32)
PROBABILITIES = np.array([[0.9, 0.1], [0.500008, 0.499992]], np.float32)
EXPECTED = (LOGITS, PROBABILITIES)


@pytest.mark.parametrize("case", CASES)
def test_every_net_and_task(tmp_path: Path, case: str) -> None:
    task, data = make(case)
    info = describe_model(task, data, "base/version_0", {"test/acc": 0.5, "seconds": 3})
    samples = samples_to_check(data)
    paths = [tmp_path / name for name in ("model.onnx", "model.pth")]
    assert write_model(task, info, samples, paths[0]) < 1e-5
    assert write_model(task, info, samples, paths[1]) < 1e-6

    session = onnxruntime.InferenceSession(paths[0])
    with torch.inference_mode():
        expected = task(samples).numpy()
    for num in (1, 3, len(samples)):  # the batch size is free
        outputs = session.run(None, {"inputs": samples[:num].numpy()})
        assert outputs[0] == pytest.approx(expected[:num], abs=1e-5)
    if task.head != "none":
        assert outputs[1].sum(1) == pytest.approx(1)
    for path in paths:
        predictor = Predictor(path)
        assert predictor.info == info
        assert predictor.predict(samples.numpy()) == pytest.approx(outputs[-1], abs=1e-5)
    assert not list(tmp_path.glob(".*"))


def test_metadata_can_be_read_without_this_package(tmp_path: Path) -> None:
    task, data = make("cnn")
    info = describe_model(task, data, "base/version_7", {"test/acc": 0.5, "test/x": [1], "a": 1})
    write_model(task, info, samples_to_check(data), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata["class_names"] == [str(number) for number in range(10)]
    assert metadata["input_layout"] == "NCHW, uint8, 0..255"
    assert metadata["input_shape"] == [1, 8, 8]
    assert metadata["run"] == "base/version_7"
    assert metadata["metrics"] == {"test/acc": 0.5}
    assert metadata["mean"] == pytest.approx(data.mean.tolist())
    assert metadata["std"] == pytest.approx(data.std.tolist())
    (inputs,) = model.graph.input
    assert inputs.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert inputs.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_pth_holds_plain_types_and_the_tensors_of_inference(tmp_path: Path) -> None:
    task, data = make("mlp")
    info = describe_model(task, data, "base/version_0", {})
    write_model(task, info, samples_to_check(data), tmp_path / "model.pth")
    content = torch.load(tmp_path / "model.pth", weights_only=True)
    assert content.keys() == {"kind", "model", "state_dict"}
    assert content["kind"] == "mlp_lab inference"
    assert content["model"] == info.plain()
    expected = task.state_dict()
    assert {"mean", "std"} < content["state_dict"].keys() <= expected.keys()
    for name, tensor in content["state_dict"].items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize("opset", [18, 23])
def test_opset(tmp_path: Path, opset: int) -> None:
    task, data = make("linear")
    info = describe_model(task, data, "", {})
    write_model(task, info, samples_to_check(data), tmp_path / "m.onnx", opset)
    (imported,) = [o for o in onnx.load(tmp_path / "m.onnx").opset_import if not o.domain]
    assert imported.version == opset


def test_an_unknown_opset_is_refused(tmp_path: Path) -> None:
    task, data = make("linear")
    with pytest.raises(ConfigError, match=r"opset is 9; it must lie in 18\.\.23"):
        write_model(task, describe_model(task, data, "", {}), torch.zeros(1), tmp_path / "m", 9)


@pytest.mark.parametrize("kind", ["onnx", "pth"])
def test_an_export_that_differs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    task, data = make("linear")
    info = describe_model(task, data, "", {})
    with torch.no_grad():
        tensors = {name: tensor.clone() for name, tensor in task.state_dict().items()}
        next(task.net.parameters()).add_(0.01)
    monkeypatch.setattr(task, "state_dict", lambda: tensors)
    with pytest.raises(ExportError, match=r"by up to 0\.\d+, where 1e-05 is allowed"):
        write_model(task, info, samples_to_check(data), tmp_path / f"model.{kind}")
    assert not list(tmp_path.iterdir())


def test_equal_outputs_differ_by_nothing() -> None:
    assert compare_outputs("m.onnx", EXPECTED, EXPECTED) == 0


def test_a_difference_is_relative_to_the_largest_output() -> None:
    found = LOGITS.copy()
    found[1, 0] = 2.4e-5
    assert compare_outputs("m.onnx", (found, PROBABILITIES), EXPECTED) == pytest.approx(0.8e-5)
    found[1, 0] = 3.6e-5
    with pytest.raises(
        ExportError,
        match=r"^m\.onnx differs from the net by up to 1\.2e-05, where 1e-05 is allowed\. "
        r"Nothing was written\.$",
    ):
        compare_outputs("m.onnx", (found, PROBABILITIES), EXPECTED)


def test_outputs_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ExportError, match="by up to nan"):
        compare_outputs("m.onnx", (LOGITS * np.nan, PROBABILITIES), EXPECTED)


@pytest.mark.parametrize("found", [(LOGITS,), (LOGITS[:1], PROBABILITIES[:1])])
def test_outputs_of_another_shape_are_refused(found: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ExportError, match=r"^m\.onnx returns outputs of another shape\."):
        compare_outputs("m.onnx", found, EXPECTED)


def test_another_class_is_refused() -> None:
    found = PROBABILITIES.copy()
    found[1] = 0.499999, 0.500001  # each differs by less than the tolerance
    with pytest.raises(ExportError, match=r"^m\.onnx predicts another class than the net\."):
        compare_outputs("m.onnx", (LOGITS, found), EXPECTED)


def test_a_tie_may_fall_either_way() -> None:
    expected, found = np.array([[0.500001, 0.499999]]), np.array([[0.499999, 0.500001]])
    assert compare_outputs("m", (LOGITS[:1], found), (LOGITS[:1], expected)) < 1e-5


def test_the_comparison_leaves_the_task_as_it_was() -> None:
    task, data = make("mlp")
    task.to(torch.bfloat16).train()
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    samples = data.subsets["train"][torch.arange(5)][0]
    together, alone = (_expected_outputs(task, inputs) for inputs in (samples, samples[:1]))
    assert compare_outputs("m", [array[:1] for array in together], alone) < 1e-5
    assert task.training
    for name, tensor in task.state_dict().items():
        assert tensor.dtype == before[name].dtype, name
        assert torch.equal(tensor, before[name]), name


def test_a_net_that_onnx_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, data = make("linear")

    def forward(self: MLP, inputs: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.special.bessel_j0(inputs.flatten(1))
        return values[:, :10]

    monkeypatch.setattr(MLP, "forward", forward)
    info = describe_model(task, data, "", {})
    with pytest.raises(ExportError, match=r"m\.onnx cannot be made: "):
        write_model(task, info, samples_to_check(data), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.export
@pytest.mark.parametrize(
    ("words", "metric"),
    [
        (["--data.source=Digits", "--data.augment=[PadCrop]"], "acc"),
        (
            [
                *("--data.source=Digits", "--trainer.precision=bf16-mixed"),
                *("--model.net=CNN", "--model.net.channels=[4]"),
            ],
            "acc",
        ),
        (["--data.source=Moons", "--model=BinaryTask"], "acc"),
        (["--data.source=Line", "--model=RegressionTask"], "mae"),
    ],
)
def test_fit_leaves_a_model_that_needs_nothing_of_this_project(
    mlp_lab: CommandLine, words: list[str], metric: str
) -> None:
    run_dir = mlp_lab("fit", *words, "--trainer.max_epochs=3").run_dir
    config = mlp_lab("prepare", "--run_dir", run_dir, "--out", "data.pt")
    assert config.code == 0
    content = torch.load("data.pt", weights_only=True)
    session = onnxruntime.InferenceSession(run_dir / "model.onnx")
    outputs = session.run(None, {"inputs": content["x_test"].numpy()})
    labels = content["y_test"].numpy()
    metrics = json.loads((run_dir / "metrics.json").read_text())
    if metric == "acc":
        score = (outputs[1].argmax(1) == labels).mean()
        loss = -np.log(outputs[1][range(len(labels)), labels]).mean()
        assert loss == pytest.approx(metrics["test/loss"], rel=1e-4)
    else:
        score = np.abs(outputs[0] - labels.reshape(len(labels), -1)).mean()
    assert score == pytest.approx(metrics[f"test/{metric}"], rel=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["metrics"])[f"test/{metric}"] == metrics[f"test/{metric}"]
    assert json.loads(metadata["run"]) == "base/version_0"


@pytest.mark.export
def test_averaged_and_compiled_weights_are_those_that_were_tested(mlp_lab: CommandLine) -> None:
    ema = "--trainer.callbacks=lightning.pytorch.callbacks.EMAWeightAveraging"
    run_dir = mlp_lab("fit", "--data.source=Digits", "--trainer.max_epochs=2", ema).run_dir
    predictor = Predictor(run_dir / "model.onnx")
    same = Predictor(run_dir / "checkpoints" / "best.ckpt")
    images = np.random.default_rng(0).integers(0, 17, (50, 1, 8, 8), dtype=np.uint8)
    assert predictor.predict(images) == pytest.approx(same.predict(images), abs=1e-5)
