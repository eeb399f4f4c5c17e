"""The multilayer perceptron."""

import inspect
from collections.abc import Sequence

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


def find_activation(name: str) -> type[nn.Module]:
    """Return the activation class of torch.nn called ``name``.

    Raises:
        ConfigError: There is none that works without further arguments.

    Example:
        >>> find_activation("GELU")()
        GELU(approximate='none')
    """
    known = {
        key: cls
        for key, cls in vars(nn.modules.activation).items()
        if key in nn.modules.activation.__all__ and _needs_no_arguments(cls)
    }
    if name not in known:
        raise ConfigError(
            f"model.net.activation is {name!r}, which torch.nn does not have. "
            f"{did_you_mean(name, known)}"
        )
    activation: type[nn.Module] = known[name]
    return activation


def _needs_no_arguments(cls: type) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    # Tanh and its like, without options, show the (*args, **kwargs) of Module.
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )
