"""Nets that only tests need."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mlp_lab.nets import Net


class TwoBranches(Net):
    """A layer of three neurons and one of two beside each other, and a layer that takes both."""

    def __init__(self, input_shape: tuple[int, ...], num_outputs: int) -> None:
        super().__init__(input_shape, num_outputs)
        width = math.prod(input_shape)
        self.left, self.right = nn.Linear(width, 3), nn.Linear(width, 2)
        self.head = nn.Linear(5, num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = inputs.flatten(1)
        left = F.relu(self.left(inputs), inplace=True)
        outputs: Tensor = self.head(torch.cat([left, self.right(input=inputs)], 1))
        return outputs
