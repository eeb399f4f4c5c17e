"""Normalisation, probabilities, and nets rebuilt from descriptions."""

import pytest
import torch
from torch import Tensor, nn

from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.nets import MLP, Head, InferenceNet, Net, normalise, probabilities, rebuild

MEAN, STD = torch.tensor([[[0.5]], [[0.0]]]), torch.tensor([[[0.25]], [[2.0]]])


class Sums(Net):
    """A net of another package."""

    def __init__(self, input_shape: tuple[int, ...], num_outputs: int) -> None:
        super().__init__(input_shape, num_outputs)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scale * inputs.flatten(1).sum(1, keepdim=True)


def trained(head: Head, num_outputs: int = 3) -> InferenceNet:
    torch.manual_seed(0)
    net = InferenceNet(MLP((2, 3, 3), num_outputs, hidden_dims=[4]), head)
    net.mean.copy_(MEAN)
    net.std.copy_(STD)
    return net


def test_bytes_are_scaled_and_floats_are_not() -> None:
    images = torch.tensor([[[[255]], [[51]]]], dtype=torch.uint8)
    assert normalise(images, MEAN, STD).flatten().tolist() == pytest.approx([2.0, 0.1])
    inputs = torch.tensor([[[[1.0]], [[51.0]]]])
    assert normalise(inputs, MEAN, STD).flatten().tolist() == pytest.approx([2.0, 25.5])
    assert inputs.flatten().tolist() == [1.0, 51.0]
    assert normalise(images, MEAN.double(), STD.double()).dtype == torch.float64


def test_probabilities_of_both_heads() -> None:
    logits = torch.tensor([[0.0, 3.0]]).log1p()
    torch.testing.assert_close(probabilities(logits, "softmax"), torch.tensor([[0.2, 0.8]]))
    sure = probabilities(torch.tensor([[40.0]]), "sigmoid")
    assert 0 < sure[0, 0] < 1e-15
    assert sure[0, 1] == 1


@pytest.mark.parametrize(("head", "num_outputs"), [("softmax", 3), ("sigmoid", 1), ("none", 2)])
def test_a_rebuilt_net_gives_the_same(head: Head, num_outputs: int) -> None:
    net = trained(head, num_outputs)
    tensors = {**net.state_dict(), "class_weights": torch.ones(3)}
    rebuilt = rebuild(net.net.describe(), (2, 3, 3), num_outputs, head, tensors)
    assert not rebuilt.training
    images = torch.randint(0, 256, (5, 2, 3, 3), dtype=torch.uint8)
    for expected, found in zip(net.eval()(images), rebuilt(images), strict=True):
        assert torch.equal(expected, found)
        assert not found.requires_grad
    assert len(rebuilt(images)) == (1 if head == "none" else 2)


def test_scaled_targets_come_out_in_their_units() -> None:
    net = InferenceNet(MLP((2, 3, 3), 2, hidden_dims=[4]), "none", scales_targets=True)
    tensors = net.state_dict() | {
        "target_mean": torch.tensor([5.0, 100.0]),
        "target_std": torch.tensor([2.0, 10.0]),
    }
    description, images = net.net.describe(), torch.ones(1, 2, 3, 3)
    (found,) = rebuild(description, (2, 3, 3), 2, "none", tensors)(images)
    expected = net.net(images) * torch.tensor([2.0, 10.0]) + torch.tensor([5.0, 100.0])
    assert torch.equal(found, expected)
    del tensors["target_std"]
    with pytest.raises(ChecksumError, match=r"target_std is missing, but the net wants \(2,\)"):
        rebuild(description, (2, 3, 3), 2, "none", tensors)


@pytest.mark.parametrize(("head", "num_outputs"), [("softmax", 3), ("sigmoid", 1)])
def test_logits_are_divided_by_a_temperature_and_probabilities_are_theirs(
    head: Head, num_outputs: int
) -> None:
    net = trained(head, num_outputs)
    tensors = net.state_dict() | {"temperature": torch.tensor(2.0)}
    description, images = net.net.describe(), torch.ones(4, 2, 3, 3)
    found = rebuild(description, (2, 3, 3), num_outputs, head, tensors)(images)
    expected = net.eval()(images)[0] / 2
    assert torch.equal(found[0], expected)
    assert torch.equal(found[1], probabilities(expected, head))
    (targets,) = rebuild(description, (2, 3, 3), num_outputs, "none", tensors)(images)
    assert torch.equal(targets, net(images)[0])  # which have none
    tensors["temperature"] = torch.ones(3)
    with pytest.raises(ChecksumError, match=r"temperature is of shape \(3,\), but the net wants"):
        rebuild(description, (2, 3, 3), num_outputs, head, tensors)


def test_half_precision_is_rebuilt_in_single() -> None:
    net = trained("none").bfloat16()
    rebuilt = rebuild(net.net.describe(), (2, 3, 3), 3, "none", net.state_dict())
    assert {p.dtype for p in rebuilt.parameters()} == {torch.float32}


def test_tensors_that_do_not_fit_are_named() -> None:
    net = trained("none")
    description, tensors = net.net.describe(), net.state_dict()
    with pytest.raises(ChecksumError, match=r"mean is of shape \(2, 1, 1\), but the net wants"):
        rebuild(description, (1, 3, 6), 3, "none", tensors)
    del tensors["net.layers.1.bias"]
    with pytest.raises(ChecksumError, match=r"layers.1.bias is missing, but the net wants \(4,\)"):
        rebuild(description, (2, 3, 3), 3, "none", tensors)


def test_a_description_that_makes_no_net_is_refused() -> None:
    description = {"class_path": "mlp_lab.nets.MLP", "init_args": {"depth": 2}}
    with pytest.raises(ChecksumError, match=r"net makes none: .*'depth'"):
        rebuild(description, (2,), 3, "none", {})


def test_classes_of_other_packages_need_trust() -> None:
    net = InferenceNet(Sums((2,), 1), "none")
    description, tensors = net.net.describe(), net.state_dict()
    with pytest.raises(
        ConfigError, match=r"test_inference_net.Sums', which is no net of mlp_lab\."
    ):
        rebuild(description, (2,), 1, "none", tensors)
    rebuilt = rebuild(description, (2,), 1, "none", tensors, trust=True)
    assert rebuilt(torch.tensor([[1.0, 2.0]]))[0].item() == 3


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_package.Net", "names the class 'no_package.Net', which cannot be imported"),
        ("mlp_lab.nets.Nothing", "which cannot be imported"),
        ("None", "which cannot be imported"),
        ("torch.nn.Linear", "names 'torch.nn.Linear', which is no net"),
    ],
)
def test_trust_does_not_make_a_net_of_anything(path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rebuild({"class_path": path}, (2,), 1, "none", {}, trust=True)
