"""Initialise weights by a named scheme."""

from typing import Literal, get_args

from torch import Tensor, nn

from mlp_lab.errors import check_choice

InitName = Literal[
    "default",
    "kaiming_uniform",
    "kaiming_normal",
    "xavier_uniform",
    "xavier_normal",
    "orthogonal",
    "normal",
    "uniform",
    "zeros",
]

_NORMAL_STD = 0.01
_UNIFORM_BOUND = 0.05


def initialise(module: nn.Module, name: InitName, nonlinearity: str) -> None:
    """Set the weights of all linear and convolutional layers; biases become zero.

    Args:
        module: The net or a part of it.
        name: The scheme; ``default`` leaves what PyTorch chose. ``normal`` has standard deviation
            0.01, ``uniform`` runs over +-0.05.
        nonlinearity: Name of the activation after the layers; the scale of the kaiming, xavier and
            orthogonal schemes follows it if PyTorch has a gain for it.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, https://arxiv.org/abs/1502.01852;
        Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural
        Networks", AISTATS 2010; Saxe et al., "Exact Solutions to the Nonlinear Dynamics of
        Learning", 2014, https://arxiv.org/abs/1312.6120.
    """
    check_choice("model.net.init", name, get_args(InitName))
    if name == "default":
        return
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            _fill(layer.weight, name, nonlinearity)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def gain_of(nonlinearity: str) -> float:
    """Return the gain that PyTorch recommends for an activation, or 1 if it has none.

    Example:
        >>> round(gain_of("ReLU"), 4), gain_of("GELU")
        (1.4142, 1.0)
    """
    known = {
        "ReLU": "relu",
        "LeakyReLU": "leaky_relu",
        "Tanh": "tanh",
        "SELU": "selu",
        "Sigmoid": "sigmoid",
    }
    return nn.init.calculate_gain(known[nonlinearity]) if nonlinearity in known else 1.0  # type: ignore[arg-type]  # declared as a Literal


def _fill(weight: Tensor, name: InitName, nonlinearity: str) -> None:
    gain = gain_of(nonlinearity)
    fan_in = weight[0].numel()
    match name:
        case "kaiming_uniform":
            bound = gain * (3 / fan_in) ** 0.5
            nn.init.uniform_(weight, -bound, bound)
        case "kaiming_normal":
            nn.init.normal_(weight, std=gain / fan_in**0.5)
        case "xavier_uniform":
            nn.init.xavier_uniform_(weight, gain)
        case "xavier_normal":
            nn.init.xavier_normal_(weight, gain)
        case "orthogonal":
            nn.init.orthogonal_(weight, gain)
        case "normal":
            nn.init.normal_(weight, std=_NORMAL_STD)
        case "uniform":
            nn.init.uniform_(weight, -_UNIFORM_BOUND, _UNIFORM_BOUND)
        case "zeros":
            nn.init.zeros_(weight)
        case "default":
            raise AssertionError("nothing to fill")
