"""Functions that inspect a net."""

from functools import partial

import pytest
import torch

from mlp_lab.nets import (
    CNN,
    MLP,
    Net,
    NetFactory,
    NetSize,
    ResNet,
    measure_net,
    trace_layers,
    trains_on_one_sample,
)
from tests.helpers.nets import TwoBranches


def test_layers_are_traced_with_shapes_and_weights() -> None:
    net = CNN((1, 6, 4), 5, channels=[3], head_dims=[7])
    layers = trace_layers(net)
    assert [layer.kind for layer in layers] == ["Conv2d", "Linear", "Linear"]
    assert [layer.output_shape for layer in layers] == [(3, 6, 4), (7,), (5,)]
    assert torch.equal(layers[-1].weight, list(net.parameters())[-2])
    assert net.training
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("make", "sources"),
    [
        (partial(MLP, hidden_dims=[5, 4]), [(0,), (1,), (2,)]),
        (partial(MLP, hidden_dims=[16, 16], residual=True), [(0,), (0, 1), (0, 1, 2)]),
        (partial(CNN, channels=[2, 3]), [(0,), (1,), (2,)]),
        (TwoBranches, [(0,), (0,), (1, 2)]),
        (  # two convolutions, two more with a projection beside them
            partial(ResNet, width=2, blocks=[1, 1]),
            [(0,), (1,), (2,), (1, 3), (4,), (1, 3), (5, 6)],
        ),
    ],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_layers_have_what_feeds_them(
    make: NetFactory,
    sources: list[tuple[int, ...]],
    mode: type[torch.no_grad] | type[torch.inference_mode],
) -> None:
    net = make((1, 4, 4), 3)
    with mode():
        assert [layer.sources for layer in trace_layers(net)] == sources
    assert all(parameter.grad is None for parameter in net.parameters())


def test_running_statistics_do_not_change() -> None:
    net = MLP((3,), 2, hidden_dims=[4], batch_norm="before")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    measure_net(net)
    assert not trains_on_one_sample(net)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_shared_weights_count_at_each_place() -> None:
    net = CNN((2, 4, 4), 3, channels=[5], pooling="none", batch_norm=False, global_pooling=True)
    expected = NetSize(
        parameters=5 * 2 * 9 + 5 + 3 * 5 + 3,
        neurons=5 * 16 + 3,
        connections=5 * 16 * 2 * 9 + 3 * 5,
    )
    assert measure_net(net) == expected


def test_frozen_parameters_are_not_counted() -> None:
    net = MLP((3,), 2, hidden_dims=[])
    net.layers[-1].bias.requires_grad_(False)
    assert measure_net(net).parameters == 6


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (MLP, True),
        (partial(MLP, batch_norm="after"), False),
        (partial(CNN, channels=[2]), True),  # several pixels for each channel
    ],
)
def test_one_sample_is_enough_without_batch_norm_over_it(make: NetFactory, expected: bool) -> None:
    assert trains_on_one_sample(make((1, 8, 8), 3).double()) is expected


def test_net_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Net((2,), 3)  # type: ignore[abstract]  # the point of the test
