"""What holds for every net."""

import pytest
import torch
from torch import nn

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import class_path
from mlp_lab.nets import CNN, MLP, Net, ResNet, measure_net

Variant = tuple[type[Net], dict[str, object]]

VARIANTS: list[Variant] = [
    (MLP, {}),
    (MLP, {"hidden_dims": []}),
    (MLP, {"hidden_dims": [5, 4, 3], "activation": "Tanh", "init": "xavier_normal"}),
    (MLP, {"hidden_dims": [6], "dropout": 0.5, "batch_norm": "before"}),
    (MLP, {"hidden_dims": [6, 5], "dropout": [0.0, 0.2], "activation": ["SiLU", "Tanh"]}),
    (MLP, {"hidden_dims": [6, 6, 6], "residual": True, "batch_norm": "after"}),
    (MLP, {"hidden_dims": [6, 6], "residual": True, "layer_norm": "before"}),
    (MLP, {"hidden_dims": [6], "bias": False, "init": "orthogonal"}),
    (CNN, {"channels": [3, 4]}),
    (CNN, {"channels": [4], "convs_per_stage": 2, "kernel_size": 5, "pooling": "average"}),
    (CNN, {"channels": [3, 4, 5], "pooling": "none", "global_pooling": True, "dropout": 0.2}),
    (CNN, {"channels": [8], "head_dims": [7, 6], "activation": "Tanh", "init": "orthogonal"}),
    (CNN, {"channels": [8], "batch_norm": False, "init": "kaiming_normal"}),
    (ResNet, {"width": 4}),
    (ResNet, {"width": 3, "blocks": [2, 1], "dropout": 0.1, "init": "default"}),
]


@pytest.fixture(params=VARIANTS, ids=lambda variant: f"{variant[0].__name__}-{variant[1]}")
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


@pytest.fixture
def net(variant: Variant) -> Net:
    cls, arguments = variant
    torch.manual_seed(0)
    return cls((2, 6, 5), 5, **arguments)


def test_logits_have_one_column_a_class_and_both_signs(net: Net) -> None:
    net.eval()
    assert net(torch.randn(1, 2, 6, 5)).shape == (1, 5)
    logits = net(torch.randn(200, 2, 6, 5))
    assert logits.shape == (200, 5)
    assert logits.min() < 0 < logits.max()


def test_gradients_reach_every_parameter(net: Net) -> None:
    loss = nn.functional.cross_entropy(net(torch.randn(64, 2, 6, 5)), torch.arange(64) % 5)
    torch.autograd.backward(loss)
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_description_rebuilds_the_net(net: Net, variant: Variant) -> None:
    cls, _ = variant
    description = net.eval().describe()
    assert description["class_path"] == class_path(cls)
    rebuilt = cls((2, 6, 5), 5, **description["init_args"]).eval()
    rebuilt.load_state_dict(net.state_dict())
    inputs = torch.randn(3, 2, 6, 5)
    assert torch.equal(net(inputs), rebuilt(inputs))


def test_size_can_be_measured(net: Net) -> None:
    size = measure_net(net)
    assert size.parameters == sum(p.numel() for p in net.parameters())
    assert size.neurons >= 5
    assert size.connections > size.neurons


@pytest.mark.parametrize("cls", [CNN, ResNet])
def test_any_image_does(cls: type[Net]) -> None:
    for shape in ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 9, 31)):
        assert cls(shape, 3)(torch.zeros(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("cls", [CNN, ResNet])
def test_features_are_no_image(cls: type[Net]) -> None:
    with pytest.raises(ConfigError, match=rf"{cls.__name__} is for images, and .* shape \(2,\)"):
        cls((2,), 3)


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (CNN, {"channels": [4, 4, 4]}, "stage 3 would halve an image of 1 x 1 pixels"),
        (CNN, {"channels": [4, 0]}, r"model.net.channels is \[4, 0\]; each width"),
        (CNN, {"channels": []}, "there must be a convolution"),
        (CNN, {"convs_per_stage": 0}, "there must be a convolution"),
        (CNN, {"head_dims": [-1]}, r"model.net.head_dims is \[-1\]"),
        (CNN, {"kernel_size": 4}, "model.net.kernel_size is 4; it must be odd"),
        (CNN, {"dropout": 1.0}, "model.net.dropout is 1.0"),
        (CNN, {"channels": [4], "activation": "Relu"}, "Did you mean 'ReLU'"),
        (ResNet, {"width": 0}, "model.net.width is 0"),
        (ResNet, {"blocks": []}, "there must be a stage"),
        (ResNet, {"blocks": [1, 0]}, "a block in each"),
        (ResNet, {"blocks": [1] * 4}, "4 stages halve an image of 6 x 5 pixels past one pixel"),
        (ResNet, {"dropout": -0.1}, "model.net.dropout is -0.1"),
    ],
)
def test_impossible_arguments_are_refused(
    cls: type[Net], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cls((1, 6, 5), 3, **arguments)


def test_the_resnet_of_the_paper() -> None:
    """ResNet-20 has 0.27 million parameters there, without projections."""
    net = ResNet((3, 32, 32), 10, width=16, blocks=(3, 3, 3))
    projections = 16 * 32 + 32 * 64 + 2 * (32 + 64)
    assert measure_net(net).parameters - projections == 269_722
    convolutions = [
        m for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)
    ]
    assert len(convolutions) + 1 == 20
