"""Members of an ensemble: averaged in one file, and refused where they do not go together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mlp_lab.errors import ConfigError, ExportError
from mlp_lab.export.ensemble import Member, check_members, describe_ensemble
from mlp_lab.export.model_file import write_ensemble
from mlp_lab.export.model_info import describe_model, samples_to_check
from mlp_lab.inference import ModelInfo, Predictor
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.run import Run
from tests.export.conftest import make

COMMITTEES = {
    "softmax": ("mlp", "cnn", "linear"),
    "sigmoid": ("binary", "binary"),
    "none": ("regression", "regression"),
}


def make_members(cases: tuple[str, ...]) -> tuple[list[Member], torch.Tensor]:
    """Return members of some cases, each with weights and normalisation of its own, and inputs."""
    members = []
    for number, case in enumerate(cases):
        task, data = make(case)
        torch.manual_seed(number)
        for parameter in task.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        task.mean.add_(0.1 * number)
        info = describe_model(task, data, f"{case}/version_{number}", {"test/acc": 0.5})
        info = replace(info, sha256=str(number))
        summary = RunSummary(Run(Path(case)), {}, {}, {}, [], ())
        net = info.rebuild(task.state_dict(), trust=True)
        members.append(Member(Path(case), info, net, summary))
    return members, samples_to_check(data)


@pytest.mark.usefixtures("_one_registry")
@pytest.mark.parametrize("head", COMMITTEES)
@pytest.mark.parametrize("kind", [pytest.param("onnx", marks=pytest.mark.slow), "pth"])
def test_the_file_answers_with_the_mean_of_its_members(
    tmp_path: Path, head: str, kind: str
) -> None:
    members, samples = make_members(COMMITTEES[head])
    info = describe_ensemble(members, {"test/acc": 0.75})
    path = tmp_path / f"ensemble.{kind}"
    assert write_ensemble([member.net for member in members], info, samples, path) < 1e-5
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    predictor = Predictor(path)
    assert predictor.info == info
    assert [one.run for one in predictor.info.members] == [member.name for member in members]
    with torch.inference_mode():
        answers = [member.net(samples)[-1].numpy() for member in members]
    expected = np.mean(answers, axis=0)
    assert predictor.predict(samples.numpy()) == pytest.approx(expected, abs=1e-5)
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    if kind == "onnx":
        session = onnxruntime.InferenceSession(path)
        for num in (1, 3, len(samples)):  # the batch size is free
            outputs = session.run(None, {"inputs": samples[:num].numpy()})
            assert outputs[-1] == pytest.approx(expected[:num], abs=1e-5)
        metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert '"sha256": "1"' in metadata["members"]
    outputs = predictor.forward(samples.numpy())
    if head == "softmax":
        assert outputs[0] == pytest.approx(np.log(expected), abs=1e-3)
        assert (outputs[0].argmax(1) == expected.argmax(1)).all()
    if head == "sigmoid":
        assert 1 / (1 + np.exp(-outputs[0][:, 0])) == pytest.approx(expected[:, 1], abs=1e-5)


def test_a_mean_that_differs_is_refused_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, samples = make_members(("linear", "linear"))
    info = describe_ensemble(members, {})
    monkeypatch.setattr(
        "mlp_lab.export.model_file.complete_mean", lambda mean, _: [np.log(mean), mean[:, ::-1]]
    )
    with pytest.raises(ExportError, match=r"^e\.pth differs from the net by up to 0.* Nothing was"):
        write_ensemble([member.net for member in members], info, samples, tmp_path / "e.pth")
    assert not list(tmp_path.iterdir())


def other(member: Member, **changes: Any) -> Member:
    info: ModelInfo = replace(member.info, run="b/version_1", **changes)
    return replace(member, info=info)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "none"}, "kind of task: a/version_0 has classes, and b/version_1 has numbers."),
        (
            {"class_names": tuple("0132456789")},
            "classes: a/version_0 has '2' as number 2, and b/version_1 has '3' as number 2.",
        ),
        (
            {"class_names": ("0", "1", "2")},
            "classes: a/version_0 has 10, and b/version_1 has 3.",
        ),
        (
            {"input_shape": (3, 8, 8)},
            "input shape: a/version_0 has (1, 8, 8), and b/version_1 has (3, 8, 8).",
        ),
        (
            {"input_type": "float32"},
            "input type: a/version_0 has 'uint8', and b/version_1 has 'float32'.",
        ),
    ],
)
def test_members_that_differ_are_named(changes: dict[str, Any], message: str) -> None:
    (first,), _ = make_members(("linear",))
    first = replace(first, info=replace(first.info, run="a/version_0"))
    with pytest.raises(ConfigError) as raised:
        check_members([first, other(first, **changes)])
    assert str(raised.value) == f"The members of an ensemble must have the same {message}"


def test_the_same_net_twice_is_refused() -> None:
    (first,), _ = make_members(("linear",))
    with pytest.raises(
        ConfigError, match=r"^linear/version_0 and b/version_1 are the same net, weight for weight"
    ):
        check_members([first, other(first)])
