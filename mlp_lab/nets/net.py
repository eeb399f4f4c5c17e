"""The base class of nets, and functions that inspect a net."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mlp_lab.files.plain_types import describe


class Net(nn.Module, ABC):
    """A net with one output for each class, and nothing after its last layer.

    A subclass keeps every constructor argument as an attribute of that name. ``describe`` returns
    them in plain types, and a checkpoint or an inference file rebuilds the net from that.

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
        """Return class path and arguments, without the two that come from the data."""
        return describe(self, leave_out=("input_shape", "num_outputs"))


NetFactory = Callable[[tuple[int, ...], int], Net]
"""A net class with its own arguments bound; takes input shape and number of outputs."""


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
    """A layer with weights, as seen in a forward pass.

    Attributes:
        kind: Name of its class, such as Linear.
        output_shape: Shape of its output for one input: ``(D,)``, or ``(C, H, W)``.
        weight: Its weights, one row for each neuron or channel.
        sources: What its input is computed from with no other layer between: 0 for the net's input,
            1 for the first layer and so on; without what autograd does not record.
    """

    kind: str
    output_shape: tuple[int, ...]
    weight: Tensor
    sources: tuple[int, ...]


def trace_layers(net: Net) -> list[Layer]:
    """Return the layers with weights, in the order of a forward pass.

    Example:
        >>> from mlp_lab.nets import MLP
        >>> [layer.output_shape for layer in trace_layers(MLP((2,), 3, hidden_dims=[5]))]
        [(5,), (3,)]
    """
    layers: list[Layer] = []
    places: dict[object, int] = {}  # of the nodes in autograd's graph, as Layer.sources has them

    def record(module: nn.Module, args: Any, kwargs: dict[str, Any], outputs: Tensor) -> Tensor:
        weight = module.weight
        assert isinstance(weight, Tensor)
        sources = _find_sources([*args, *kwargs.values()], places)
        shape = tuple(outputs.shape[1:])
        layers.append(Layer(type(module).__name__, shape, weight.detach(), sources))
        return mark(outputs)

    def mark(tensor: Tensor) -> Tensor:
        marked = tensor.clone()  # what is changed in place later has a node of its own
        places[marked.grad_fn] = len(layers)
        return marked

    handles = [
        module.register_forward_hook(record, with_kwargs=True)
        for module in net.modules()
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)
    ]
    was_training = net.training
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            net.eval().forward(mark(_one_input(net).requires_grad_()))  # not compiled anew
    finally:
        net.train(was_training)
        for handle in handles:
            handle.remove()
    return layers


def _find_sources(inputs: Sequence[object], places: Mapping[object, int]) -> tuple[int, ...]:
    """Return the places from which autograd's graph leads to some inputs directly."""
    nodes = [value.grad_fn for value in inputs if isinstance(value, Tensor)]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            if node not in places:
                nodes += [before for before, _ in node.next_functions]
    return tuple(sorted(places[node] for node in seen if node in places))


def trains_on_one_sample(net: Net) -> bool:
    """Whether a batch of one can train it: batch normalisation needs several values a channel."""
    try:
        with torch.no_grad():
            copy.deepcopy(net).train()(_one_input(net))  # a copy, whose running statistics change
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


def _one_input(net: Net) -> Tensor:
    weight = next(net.parameters())
    return torch.zeros(1, *net.input_shape, dtype=weight.dtype, device=weight.device)
