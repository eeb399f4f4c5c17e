"""A small convolutional net."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError, check_choice
from mlp_lab.nets.activation import find_activation
from mlp_lab.nets.initialise import InitName, initialise
from mlp_lab.nets.net import Net

Pooling = Literal["max", "average", "none"]

_POOLS: dict[Pooling, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
_POOL_SIZE = 2


class CNN(Net):
    """Stages of convolutions, each followed by pooling that halves the image, and a linear head.

    Args:
        input_shape: Shape of one image, ``(C, H, W)``; known from the data.
        channels: Channels of each stage, in order.
        convs_per_stage: Convolutions of each stage, at least 1.
        kernel_size: Height and width of each convolution; odd, so that the image keeps its size.
        pooling: How a stage's image is halved at its end: the ``max`` or the ``average`` of each
            2 x 2 pixels, or ``none``, not at all.
        head_dims: Neurons of each hidden linear layer after the convolutions; ``[]`` for none.
        global_pooling: Whether the head gets the mean of each channel and not all its pixels.
        batch_norm: Whether each convolution is normalised over the batch.
        activation: Name of an activation of torch.nn, after each layer but the last.
        dropout: Probability of zeroing an input of each linear layer in training, in [0, 1).
        init: How weights start; ``default`` is PyTorch's own way. Any other sets biases to zero.

    Raises:
        ConfigError: Inputs that are no images, more stages than the image can be halved, a width
            below 1, an even kernel, an unknown activation, or a dropout outside [0, 1).
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_outputs: int,
        channels: Sequence[int] = (32, 64, 128),
        convs_per_stage: int = 1,
        kernel_size: int = 3,
        pooling: Pooling = "max",
        head_dims: Sequence[int] = (),
        global_pooling: bool = False,
        batch_norm: bool = True,
        activation: str = "ReLU",
        dropout: float = 0.0,
        init: InitName = "default",
    ) -> None:
        super().__init__(input_shape, num_outputs)
        self.channels = tuple(channels)
        self.convs_per_stage = convs_per_stage
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.head_dims = tuple(head_dims)
        self.global_pooling = global_pooling
        self.batch_norm = batch_norm
        self.activation = activation
        self.dropout = dropout
        self.init = init
        self._check()

        width, size = require_image(self, self.input_shape)
        make_activation = find_activation(activation)
        self.layers = nn.Sequential()
        for number, out_width in enumerate(self.channels, start=1):
            for _ in range(convs_per_stage):
                self._add_conv(width, out_width)
                self.layers.append(make_activation())
                width = out_width
            if pooling != "none":
                size = _halve(size, number, self.channels)
                self.layers.append(_POOLS[pooling](_POOL_SIZE))
        if global_pooling:
            self.layers.append(nn.AdaptiveAvgPool2d(1))
            size = (1, 1)
        self.layers.append(nn.Flatten())
        width *= math.prod(size)
        for out_width in self.head_dims:
            self._add_linear(width, out_width)
            self.layers.append(make_activation())
            width = out_width
        self._add_linear(width, num_outputs)
        initialise(self.layers[:-1], init, activation)
        initialise(self.layers[-1], init, "Linear")
        self.to(memory_format=torch.channels_last)  # half as long on CPUs and new GPUs

    def _check(self) -> None:
        check_choice("model.net.pooling", self.pooling, get_args(Pooling))
        for key, widths in (("channels", self.channels), ("head_dims", self.head_dims)):
            if any(width < 1 for width in widths):
                raise ConfigError(
                    f"model.net.{key} is {list(widths)}; each width must be at least 1."
                )
        if not self.channels or self.convs_per_stage < 1:
            raise ConfigError(
                f"model.net.channels is {list(self.channels)} and model.net.convs_per_stage is "
                f"{self.convs_per_stage}; there must be a convolution."
            )
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ConfigError(
                f"model.net.kernel_size is {self.kernel_size}; it must be odd. Try 3 or 5."
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"model.net.dropout is {self.dropout}; it must lie in [0, 1).")

    def _add_conv(self, in_width: int, out_width: int) -> None:
        bias = not self.batch_norm
        padding = self.kernel_size // 2
        conv = nn.Conv2d(in_width, out_width, self.kernel_size, padding=padding, bias=bias)
        self.layers.append(conv)
        if self.batch_norm:
            self.layers.append(nn.BatchNorm2d(out_width))

    def _add_linear(self, in_width: int, out_width: int) -> None:
        if self.dropout:
            self.layers.append(nn.Dropout(self.dropout))
        self.layers.append(nn.Linear(in_width, out_width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of images ``(N, C, H, W)``."""
        logits: Tensor = self.layers(inputs)
        return logits


def require_image(net: Net, shape: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
    """Return channels, and height and width, of an image.

    Raises:
        ConfigError: The shape is not ``(C, H, W)``.
    """
    if len(shape) != 3:
        raise ConfigError(
            f"{type(net).__name__} is for images, and the data have inputs of shape {shape}. "
            "Use --model.net MLP."
        )
    channels, height, width = shape
    return channels, (height, width)


def _halve(size: tuple[int, int], number: int, channels: Sequence[int]) -> tuple[int, int]:
    """Return height and width after the pooling of a stage."""
    if min(size) < _POOL_SIZE:
        raise ConfigError(
            f"model.net.channels is {list(channels)}: stage {number} would halve an image of "
            f"{size[0]} x {size[1]} pixels. Use fewer stages, or --model.net.pooling none."
        )
    return size[0] // _POOL_SIZE, size[1] // _POOL_SIZE
