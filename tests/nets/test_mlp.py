import pytest
import torch
from torch import nn

from mlp_lab.errors import ConfigError
from mlp_lab.nets import MLP, NetSize, measure_net
from mlp_lab.nets.mlp import Residual

UNFIT = {"GLU", "MultiheadAttention", "Softmax2d", "Threshold"}


def test_layers_follow_the_arguments() -> None:
    net = MLP((4, 4), 3, hidden_dims=[8, 6], activation="GELU", dropout=0.1, batch_norm="before")
    kinds = [type(layer).__name__ for layer in net.layers]
    hidden = ["Linear", "BatchNorm1d", "GELU", "Dropout"]
    assert kinds == ["Flatten", *hidden, *hidden, "Linear"]
    linears = [layer for layer in net.layers if isinstance(layer, nn.Linear)]
    assert [(x.in_features, x.out_features) for x in linears] == [(16, 8), (8, 6), (6, 3)]
    assert [x.bias is not None for x in linears] == [False, False, True]


def test_each_layer_has_its_own_activation() -> None:
    net = MLP((4,), 2, hidden_dims=[3, 3], activation="PReLU")
    first, second = (layer for layer in net.layers if isinstance(layer, nn.PReLU))
    assert first is not second


def test_each_layer_can_have_its_own_activation_and_dropout() -> None:
    net = MLP((9,), 3, [8, 7], activation=["Tanh", "ReLU"], dropout=[0.0, 0.5], batch_norm="after")
    kinds = [type(layer).__name__ for layer in net.layers]
    first, second = ["Linear", "Tanh", "BatchNorm1d"], ["Linear", "ReLU", "BatchNorm1d", "Dropout"]
    assert kinds == ["Flatten", *first, *second, "Linear"]


def test_layers_are_normalised_before_the_activation_or_after_it() -> None:
    net = MLP((4,), 2, [8], batch_norm="before", layer_norm="before")
    kinds = [type(layer).__name__ for layer in net.layers]
    assert kinds == ["Flatten", "Linear", "BatchNorm1d", "LayerNorm", "ReLU", "Linear"]
    net = MLP((4,), 2, [8], layer_norm="after")
    first, last = (layer for layer in net.layers if isinstance(layer, nn.Linear))
    assert first.bias is not None  # which the mean over the neurons does not take away
    hidden = first(inputs := torch.randn(5, 4)).relu().detach()
    scaled = (hidden - hidden.mean(1, keepdim=True)) / hidden.std(1, correction=0, keepdim=True)
    assert torch.allclose(net(inputs), last(scaled), atol=1e-3)


def test_a_residual_layer_adds_its_input() -> None:
    net = MLP((4,), 2, [4, 3, 3], activation="Tanh", residual=True, bias=False)
    kinds = [type(layer) for layer in net.layers]
    assert kinds == [nn.Flatten, Residual, nn.Linear, nn.Tanh, Residual, nn.Linear]
    inputs = torch.randn(5, 4)
    first, second, third, last = net.parameters()
    hidden = inputs + torch.tanh(inputs @ first.T)
    hidden = torch.tanh(hidden @ second.T)
    hidden = hidden + torch.tanh(hidden @ third.T)
    assert torch.allclose(net(inputs), hidden @ last.T, atol=1e-6)


@pytest.mark.parametrize(
    ("hidden_dims", "size"),
    [
        ([200], NetSize(159_010, 210, 158_800)),
        ([], NetSize(7_850, 10, 7_840)),
        ([30, 20], NetSize(784 * 30 + 30 + 30 * 20 + 20 + 20 * 10 + 10, 60, 784 * 30 + 600 + 200)),
    ],
)
def test_size_is_counted_by_hand(hidden_dims: list[int], size: NetSize) -> None:
    net = MLP((1, 28, 28), 10, hidden_dims=hidden_dims)
    assert measure_net(net) == size
    assert net.training


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_norm": "first"}, "model.net.layer_norm is 'first'. There is: none, before, after"),
        ({"hidden_dims": [10, 0]}, r"model.net.hidden_dims is \[10, 0\]; each width must be"),
        ({"dropout": 1.0}, "model.net.dropout is 1.0"),
        ({"dropout": [0.1, 0.2]}, r"model.net.dropout is \[0.1, 0.2\]; .* needs 1 entries"),
        ({"activation": []}, r"model.net.activation is \[\]; .* \[200\] it needs 1 entries"),
        ({"hidden_dims": [1] * 1001}, "model.net.hidden_dims has 1,001 layers; 1,000 are the most"),
        ({"residual": True}, "model.net.residual is true, but with .* no hidden layer is as wide"),
        ({"activation": "Relu"}, "'Relu', which torch.nn does not have. Did you mean 'ReLU'?"),
        ({"activation": "Linear"}, "model.net.activation is 'Linear'"),
        ({"activation": "GLU"}, "'GLU', which cannot stand after a linear layer"),
        ({"activation": "Softmax2d"}, "'Softmax2d', which cannot stand"),
        ({"activation": "MultiheadAttention"}, "'MultiheadAttention', which cannot stand"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        MLP((4,), 2, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(set(nn.modules.activation.__all__) - UNFIT))
def test_any_other_activation_of_torch_does(name: str) -> None:
    net = MLP((4,), 3, hidden_dims=[6, 5], activation=name)
    assert net(torch.randn(8, 4)).shape == (8, 3)
    assert type(net.layers[2]) is getattr(nn, name)
