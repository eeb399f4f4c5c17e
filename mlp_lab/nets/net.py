"""What every net is: logits from inputs, and a description of itself in plain types."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mlp_lab.files.plain_types import describe


class Net(nn.Module, ABC):
    """A net with one output for each class, and nothing after its last layer.

    A subclass keeps every constructor argument under its own name, so that ``describe`` can say the
    net in plain types: that description rebuilds it from a checkpoint or an inference file.

    Args:
        input_shape: Shape of one input; known from the data.
        num_outputs: Number of outputs K; known from the data.

    Shape:
        ``(N, *input_shape)`` float32 to ``(N, K)`` float32.
    """

    def __init__(self, input_shape: tuple[int, ...], num_outputs: int) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.num_outputs = num_outputs

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)``."""

    def describe(self) -> dict[str, Any]:
        """Return the class path and the arguments, but for the two that the data know."""
        return describe(self, leave_out=("input_shape", "num_outputs"))


NetFactory = Callable[[tuple[int, ...], int], Net]
"""A net class with its own arguments, still to be called with input shape and outputs."""


@dataclass(frozen=True)
class NetSize:
    """How large a net is.

    Attributes:
        parameters: Trainable numbers, biases included.
        neurons: Units of all layers with weights, hidden and output; inputs are not counted.
        connections: Weighted inputs of all those units; a shared weight counts at each place it is
            used, padding included.
    """

    parameters: int
    neurons: int
    connections: int


@dataclass(frozen=True)
class Layer:
    """A layer with weights, as an input goes through it.

    Attributes:
        kind: Name of its class, such as Linear.
        output_shape: Shape of what it gives for one input: ``(H,)``, or ``(C, H, W)``.
        weight: Its weights, one row for each neuron or channel.
    """

    kind: str
    output_shape: tuple[int, ...]
    weight: Tensor


def trace_layers(net: Net) -> list[Layer]:
    """Return the layers with weights, in the order in which one input goes through them.

    Example:
        >>> from mlp_lab.nets import MLP
        >>> [layer.output_shape for layer in trace_layers(MLP((2,), 3, hidden_dims=[5]))]
        [(5,), (3,)]
    """
    found: list[Layer] = []

    def note(module: nn.Module, _inputs: object, outputs: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        found.append(Layer(type(module).__name__, tuple(outputs.shape[1:]), weight.detach()))

    layers = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    was_training = net.training
    try:
        with torch.inference_mode():
            first = next(net.parameters())
            net.eval()(torch.zeros(1, *net.input_shape, dtype=first.dtype, device=first.device))
    finally:
        net.train(was_training)
        for handle in handles:
            handle.remove()
    return found


def trains_on_one_sample(net: Net) -> bool:
    """Whether a batch of one will do: batch normalisation needs several values in each channel."""
    twin = copy.deepcopy(net).train()
    first = next(net.parameters())
    inputs = torch.zeros(1, *net.input_shape, dtype=first.dtype, device=first.device)
    try:
        with torch.no_grad():
            twin(inputs)
    except ValueError:
        return False
    return True


def measure_net(net: Net) -> NetSize:
    """Count parameters, neurons and connections by sending one input through the net.

    Example:
        >>> from mlp_lab.nets import MLP
        >>> measure_net(MLP((1, 28, 28), 10, hidden_dims=[200]))
        NetSize(parameters=159010, neurons=210, connections=158800)
    """
    layers = trace_layers(net)
    return NetSize(
        sum(p.numel() for p in net.parameters() if p.requires_grad),
        sum(math.prod(layer.output_shape) for layer in layers),
        sum(math.prod(layer.output_shape) * layer.weight[0].numel() for layer in layers),
    )
