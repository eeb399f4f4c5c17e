"""A residual net for small images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError
from mlp_lab.nets.cnn import require_image
from mlp_lab.nets.initialise import InitName, initialise
from mlp_lab.nets.net import Net

_MOST_BLOCKS = 1000


class ResNet(Net):
    """Stages of torchvision's basic blocks after a 3 x 3 stem; each next stage halves the image.

    With ``width`` 16 and n blocks in each of three stages it is the ResNet-(6n+2) of the paper for
    CIFAR-10, except that shortcuts are projections where the shape changes; the paper's have no
    weights.

    Args:
        input_shape: Shape of one image, ``(C, H, W)``; known from the data.
        width: Channels of the first stage; each next one has twice as many.
        blocks: Blocks of two convolutions in each stage, in order.
        dropout: Probability of zeroing an input of the last layer in training, in [0, 1).
        init: How weights start; ``default`` is PyTorch's own way. Any other sets biases to zero.

    Raises:
        ConfigError: Inputs that are no images, more stages than the image can be halved, a width or
            a number of blocks below 1, or a dropout outside [0, 1).

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016,
        https://arxiv.org/abs/1512.03385.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_outputs: int,
        width: int = 16,
        blocks: Sequence[int] = (1, 1, 1),
        dropout: float = 0.0,
        init: InitName = "kaiming_normal",
    ) -> None:
        super().__init__(input_shape, num_outputs)
        self.width = width
        self.blocks = tuple(blocks)
        self.dropout = dropout
        self.init = init
        if width < 1:
            raise ConfigError(f"model.net.width is {width}; it must be at least 1.")
        if not self.blocks or min(self.blocks) < 1:
            raise ConfigError(
                f"model.net.blocks is {list(blocks)}; there must be a stage, and a block in each."
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"model.net.dropout is {dropout}; it must lie in [0, 1).")
        if sum(self.blocks) > _MOST_BLOCKS:
            raise ConfigError(
                f"model.net.blocks is {list(blocks)}; together there may be {_MOST_BLOCKS}."
            )
        in_channels, size = require_image(self, self.input_shape)
        if min(size) < 2 ** (len(self.blocks) - 1):
            raise ConfigError(
                f"model.net.blocks is {list(blocks)}: {len(self.blocks)} stages halve an image of "
                f"{size[0]} x {size[1]} pixels past one pixel. Use fewer stages."
            )

        stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.layers = nn.Sequential(stem, nn.BatchNorm2d(width), nn.ReLU())
        channels = width
        for stage, num_blocks in enumerate(self.blocks):
            out_channels = width * 2**stage
            for number in range(num_blocks):
                stride = 2 if stage and not number else 1
                self.layers.append(_block(channels, out_channels, stride))
                channels = out_channels
        self.layers.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
        if dropout:
            self.layers.append(nn.Dropout(dropout))
        self.layers.append(nn.Linear(channels, num_outputs))
        initialise(self.layers[:-1], init, "ReLU")
        initialise(self.layers[-1], init, "Linear")
        self.to(memory_format=torch.channels_last)  # half as long on CPUs and new GPUs

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits ``(N, K)`` of images ``(N, C, H, W)``."""
        logits: Tensor = self.layers(inputs)
        return logits


def _block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return two convolutions and a skip connection, projected where the shape changes."""
    # Imported late: it takes as long as importing torch, and MLPs do not need it.
    from torchvision.models.resnet import BasicBlock, conv1x1

    projection = None
    if stride > 1 or in_channels != out_channels:
        projection = nn.Sequential(
            conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels)
        )
    block: nn.Module = BasicBlock(in_channels, out_channels, stride, projection)
    return block
