import math

import pytest
import torch
from torch import nn

from mlp_lab.nets import MLP
from mlp_lab.nets.initialise import InitName, initialise


def first_weight(init: InitName, activation: str = "ReLU") -> torch.Tensor:
    torch.manual_seed(0)
    layer = MLP((400,), 10, hidden_dims=[300], init=init, activation=activation).layers[1]
    assert isinstance(layer, nn.Linear)
    assert init == "default" or not layer.bias.any()
    return layer.weight.detach()


@pytest.mark.parametrize(
    ("init", "std"),
    [
        ("kaiming_uniform", math.sqrt(2 / 400)),
        ("kaiming_normal", math.sqrt(2 / 400)),
        ("xavier_uniform", math.sqrt(2) * math.sqrt(2 / 700)),
        ("xavier_normal", math.sqrt(2) * math.sqrt(2 / 700)),
        ("normal", 0.01),
        ("uniform", 0.05 / math.sqrt(3)),
        ("default", 1 / math.sqrt(3 * 400)),
    ],
)
def test_spread_follows_the_formula(init: InitName, std: float) -> None:
    weight = first_weight(init)
    assert weight.std().item() == pytest.approx(std, rel=0.02)
    assert abs(weight.mean().item()) < 4 * std / math.sqrt(weight.numel())


def test_uniform_schemes_keep_their_bounds() -> None:
    assert first_weight("kaiming_uniform").abs().max() <= math.sqrt(6 / 400)
    assert first_weight("uniform").abs().max() <= 0.05


def test_orthogonal_rows_are_orthogonal_and_scaled_by_the_gain() -> None:
    weight = first_weight("orthogonal", "Tanh")
    expected = (5 / 3) ** 2 * torch.eye(300)
    assert torch.allclose(weight @ weight.T, expected, atol=1e-5)


def test_zeros_are_zero() -> None:
    assert not first_weight("zeros").any()


def test_gain_follows_the_activation() -> None:
    relu, gelu = (first_weight("kaiming_normal", name) for name in ("ReLU", "GELU"))
    assert (relu.std() / gelu.std()).item() == pytest.approx(math.sqrt(2), rel=1e-5)


def test_gain_of_each_layer_follows_its_own_activation_and_the_output_has_none() -> None:
    torch.manual_seed(0)
    net = MLP((900,), 900, [900, 900], activation=["ReLU", "Tanh"], init="kaiming_normal")
    spreads = [m.weight.std().item() * 30 for m in net.layers if isinstance(m, nn.Linear)]
    assert spreads == pytest.approx([math.sqrt(2), 5 / 3, 1], rel=0.01)


def test_default_leaves_layers_alone() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.clone(), layer.bias.clone()
    initialise(layer, "default", "ReLU")
    assert torch.equal(layer.weight, before[0])
    assert torch.equal(layer.bias, before[1])
