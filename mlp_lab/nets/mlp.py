"""The multilayer perceptron."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError
from mlp_lab.nets.initialise import InitName, initialise
from mlp_lab.nets.net import Net
from mlp_lab.suggest import did_you_mean


class MLP(Net):
    """Linear layers of any number and width, an activation after each but the last.

    Without hidden layers it is a linear model.

    Args:
        input_shape: Shape of one input; known from the data.
        num_outputs: Number of outputs K; known from the data.
        hidden_dims: Neurons of each hidden layer, in order; ``[]`` for a linear model.
        activation: Name of an activation of torch.nn, such as ReLU, GELU, Tanh, Sigmoid, SiLU.
        init: How weights start; ``default`` is PyTorch's own way. Any other sets biases to zero.
        dropout: Probability of zeroing a hidden output in training, in [0, 1).
        batch_norm: Whether to normalise each hidden layer over the batch, before its activation.
        bias: Whether linear layers have a bias; before batch normalisation they have none anyway.

    Raises:
        ConfigError: A width below 1, an unknown activation or a dropout outside [0, 1).
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_outputs: int,
        hidden_dims: Sequence[int] = (200,),
        activation: str = "ReLU",
        init: InitName = "default",
        dropout: float = 0.0,
        batch_norm: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        self.hidden_dims = tuple(hidden_dims)
        self.activation = activation
        self.init = init
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.bias = bias

        if any(width < 1 for width in self.hidden_dims):
            raise ConfigError(
                f"model.net.hidden_dims is {list(hidden_dims)}; each width must be at least 1. "
                "Leave the list empty for a linear model."
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"model.net.dropout is {dropout}; it must lie in [0, 1).")
        make_activation = find_activation(activation)

        self.layers = nn.Sequential(nn.Flatten())
        in_dim = 1
        for size in self.input_shape:
            in_dim *= size
        for width in self.hidden_dims:
            self.layers.append(nn.Linear(in_dim, width, bias=bias and not batch_norm))
            if batch_norm:
                self.layers.append(nn.BatchNorm1d(width))
            self.layers.append(make_activation())
            if dropout:
                self.layers.append(nn.Dropout(dropout))
            in_dim = width
        self.layers.append(nn.Linear(in_dim, num_outputs, bias=bias))
        initialise(self, init, activation)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of inputs ``(N, *input_shape)``."""
        logits: Tensor = self.layers(inputs)
        return logits


def find_activation(name: str) -> Callable[[], nn.Module]:
    """Return what makes the activation of torch.nn called ``name``.

    Raises:
        ConfigError: There is none that needs no arguments and keeps the shape.

    Example:
        >>> find_activation("GELU")()
        GELU(approximate='none')
    """
    classes = {
        key: cls
        for key, cls in vars(nn.modules.activation).items()
        if key in nn.modules.activation.__all__
    }
    if name not in classes:
        raise ConfigError(
            f"model.net.activation is {name!r}, which torch.nn does not have. "
            f"{did_you_mean(name, classes)}"
        )
    cls: Callable[..., nn.Module] = classes[name]
    over_features = {"dim": -1} if "dim" in inspect.signature(cls).parameters else {}  # softmax
    make = partial(cls, **over_features)
    features = torch.zeros(1, 2)
    try:
        keeps_shape = make()(features).shape == features.shape
    except (TypeError, ValueError, AssertionError):
        keeps_shape = False
    if not keeps_shape:
        raise ConfigError(
            f"model.net.activation is {name!r}, which cannot stand after a linear layer: it needs "
            "arguments or changes the number of features. Try ReLU, GELU, SiLU or Tanh."
        )
    return make
