"""A net: any PyTorch module that gives one number for each class."""

import torch
from torch import Tensor, nn

from mlp_lab.nets import Net


class MyNet(Net):
    """Two hidden layers, of which the second sees the input again.

    Args:
        input_shape: Shape of one input; known from the data.
        num_outputs: Number of outputs K; known from the data.
        width: Neurons of each hidden layer.
    """

    def __init__(self, input_shape: tuple[int, ...], num_outputs: int, width: int = 50) -> None:
        super().__init__(input_shape, num_outputs)
        self.width = width  # each argument is kept under its own name, to make the net anew
        num_inputs = torch.Size(input_shape).numel()
        self.first = nn.Linear(num_inputs, width)
        self.second = nn.Linear(width + num_inputs, width)
        self.last = nn.Linear(width, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of inputs ``(N, *input_shape)``."""
        inputs = inputs.flatten(1)
        hidden = self.first(inputs).relu()
        hidden = self.second(torch.cat([hidden, inputs], 1)).relu()
        logits: Tensor = self.last(hidden)
        return logits
