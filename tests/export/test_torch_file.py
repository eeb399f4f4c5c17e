"""A .pth file holds a description and tensors, and no object."""

from pathlib import Path

import torch

from mlp_lab.export.model_info import describe_model, samples_to_check
from mlp_lab.export.torch_file import write_torch_file
from tests.export.conftest import make


def test_the_file_holds_plain_types_and_the_tensors_of_inference(tmp_path: Path) -> None:
    task, data = make("mlp")
    info = describe_model(task, data, "base/version_0", {})
    write_torch_file(task, info, samples_to_check(data), tmp_path / "model.pth")
    content = torch.load(tmp_path / "model.pth", weights_only=True)
    assert content.keys() == {"kind", "model", "state_dict"}
    assert content["kind"] == "mlp_lab inference"
    assert content["model"] == info.plain()
    expected = task.state_dict()
    assert {"mean", "std"} < content["state_dict"].keys() <= expected.keys()
    for name, tensor in content["state_dict"].items():
        assert torch.equal(tensor, expected[name]), name
