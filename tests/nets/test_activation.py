"""Activations of torch.nn by name."""

import pytest
import torch
from torch import nn

from mlp_lab.errors import ConfigError
from mlp_lab.nets.activation import find_activation


def test_each_call_makes_a_new_module() -> None:
    make = find_activation("PReLU")
    first, second = make(), make()
    assert isinstance(first, nn.PReLU)
    assert first is not second


def test_softmax_is_over_features() -> None:
    outputs = find_activation("Softmax")()(torch.randn(4, 3))
    torch.testing.assert_close(outputs.sum(1), torch.ones(4))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Gelu", "'Gelu', which torch.nn does not have. Did you mean 'GELU'\\?"),
        ("Conv2d", "'Conv2d', which torch.nn does not have"),
        ("GLU", "'GLU', which cannot stand after a linear layer: it needs arguments or changes"),
        ("Threshold", "'Threshold', which cannot stand after a linear layer"),
    ],
)
def test_others_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"model.net.activation is {message}"):
        find_activation(name)
