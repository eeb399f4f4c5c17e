"""The multilayer perceptron."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError, check_choice
from mlp_lab.nets.activation import find_activation
from mlp_lab.nets.initialise import InitName, initialise
from mlp_lab.nets.memory import require_memory
from mlp_lab.nets.net import Net

NormPlace = Literal["none", "before", "after"]
"""Where a hidden layer is normalised: before its activation, after it, or nowhere."""

T = TypeVar("T")

_MOST_LAYERS = 1000
_FLOAT_BYTES = 4


class Residual(nn.Sequential):
    """Add the input to the output, which must have its shape.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016,
        https://arxiv.org/abs/1512.03385.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Return inputs plus outputs."""
        outputs: Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]  # torch's is untyped
        return inputs + outputs


class MLP(Net):
    """Linear layers of any number and width, an activation after each but the last.

    Without hidden layers it is a linear model.

    Args:
        hidden_dims: Neurons of each hidden layer, in order; ``[]`` for a linear model.
        activation: Name of an activation of torch.nn, such as ReLU, GELU, Tanh, Sigmoid, SiLU; or
            a list with one for each hidden layer.
        init: How weights start; ``default`` is PyTorch's own way. Any other sets biases to zero.
        dropout: Probability of zeroing a hidden output in training, in [0, 1); or a list with one
            for each hidden layer.
        batch_norm: Where to normalise each hidden layer over the batch: ``before`` its activation,
            ``after`` it, or ``none``.
        layer_norm: The same over the neurons of the layer, for each sample by itself. Where both
            stand in one place, the batch's comes first.
        bias: Whether linear layers have a bias; before batch normalisation they have none anyway.
        residual: Whether each hidden layer that is as wide as its input adds that to its output.

    Raises:
        ConfigError: A width below 1, an unknown activation, a dropout outside [0, 1), a list of
            another length than ``hidden_dims``, or no layer that could be residual.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_outputs: int,
        hidden_dims: Sequence[int] = (200,),
        activation: list[str] | str = "ReLU",
        init: InitName = "default",
        dropout: list[float] | float = 0.0,
        batch_norm: NormPlace = "none",
        bias: bool = True,
        residual: bool = False,
        layer_norm: NormPlace = "none",
    ) -> None:
        super().__init__(input_shape, num_outputs)
        self.hidden_dims = tuple(hidden_dims)
        if len(self.hidden_dims) > _MOST_LAYERS:
            raise ConfigError(
                f"model.net.hidden_dims has {len(self.hidden_dims):,} layers; {_MOST_LAYERS:,} are "
                "the most."
            )
        self.activation = activation
        self.init = init
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.bias = bias
        self.residual = residual

        if any(width < 1 for width in self.hidden_dims):
            raise ConfigError(
                f"model.net.hidden_dims is {list(hidden_dims)}; each width must be at least 1. "
                "Leave the list empty for a linear model."
            )
        check_choice("model.net.batch_norm", batch_norm, get_args(NormPlace))
        check_choice("model.net.layer_norm", layer_norm, get_args(NormPlace))
        self._require_memory()
        activations = self._for_each_layer("activation", activation)
        dropouts = self._for_each_layer("dropout", dropout)
        if any(not 0 <= share < 1 for share in dropouts):
            raise ConfigError(f"model.net.dropout is {dropout}; it must lie in [0, 1).")

        self.layers = nn.Sequential(nn.Flatten())
        width = math.prod(self.input_shape)
        for out_width, name, share in zip(self.hidden_dims, activations, dropouts, strict=True):
            self._add_hidden_layer(width, out_width, name, share)
            width = out_width
        if residual and not any(isinstance(layer, Residual) for layer in self.layers):
            raise ConfigError(
                f"model.net.residual is true, but with model.net.hidden_dims {list(hidden_dims)} "
                "no hidden layer is as wide as its input. Try --model.net.hidden_dims=[200,200]."
            )
        self.layers.append(nn.Linear(width, num_outputs, bias=bias))
        initialise(self.layers[-1], init, "Linear")

    def _require_memory(self) -> None:
        if torch.get_default_device().type == "meta":  # takes none
            return
        widths = (math.prod(self.input_shape), *self.hidden_dims, self.num_outputs)
        num = sum(before * after for before, after in itertools.pairwise(widths))
        require_memory(
            num * _FLOAT_BYTES,
            f"The net's {num:,} weights alone",
            "Choose smaller model.net.hidden_dims.",
        )

    def _for_each_layer(self, key: str, value: list[T] | T) -> list[T]:
        """Repeat a single value for each hidden layer."""
        num = len(self.hidden_dims)
        if not isinstance(value, list):
            return [value] * num
        if len(value) != num:
            raise ConfigError(
                f"model.net.{key} is {value}; for model.net.hidden_dims {list(self.hidden_dims)} "
                f"it needs {num} entries, or one value for all."
            )
        return value

    def _add_hidden_layer(
        self, in_width: int, out_width: int, activation: str, dropout: float
    ) -> None:
        bias = self.bias and self.batch_norm != "before"
        linear = nn.Linear(in_width, out_width, bias=bias)
        initialise(linear, self.init, activation)
        norms = ((self.batch_norm, nn.BatchNorm1d), (self.layer_norm, nn.LayerNorm))
        before, after = (
            [norm(out_width) for place, norm in norms if place == here]
            for here in ("before", "after")
        )
        parts = [linear, *before, find_activation(activation)(), *after]
        if dropout:
            parts.append(nn.Dropout(dropout))
        if self.residual and in_width == out_width:
            self.layers.append(Residual(*parts))
        else:
            self.layers.extend(parts)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of inputs ``(N, *input_shape)``."""
        logits: Tensor = self.layers(inputs)
        return logits
