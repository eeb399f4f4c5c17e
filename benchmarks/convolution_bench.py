"""Time an epoch of the CNN and the ResNet in each layout of weights, in float32 and bfloat16.

    .venv/bin/python benchmarks/convolution_bench.py

Plain PyTorch, 10,000 random images of 32 x 32 in colour, batches of 128; all take turns.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product

import torch
from data_bench import compare
from torch import Tensor
from torch.nn import functional as F

from mlp_lab.nets import CNN, Net, ResNet

NUM_IMAGES, BATCH_SIZE, NUM_CLASSES = 10_000, 128, 10
SHAPE = (3, 32, 32)
NETS: dict[str, Callable[[], Net]] = {
    "CNN of 32, 64 and 128 channels": lambda: CNN(SHAPE, NUM_CLASSES, channels=[32, 64, 128]),
    "ResNet of width 32, three blocks": lambda: ResNet(SHAPE, NUM_CLASSES, 32, blocks=[1, 1, 1]),
}
LAYOUTS = {
    "channels first": torch.contiguous_format,
    "channels last": torch.channels_last,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    rounds: int = parser.parse_args().rounds
    images = torch.rand(NUM_IMAGES, *SHAPE)
    labels = torch.randint(NUM_CLASSES, (NUM_IMAGES,))
    for name, make in NETS.items():
        contestants = {
            f"{name}, {layout}, {'bfloat16' if narrow else 'float32'}": partial(
                train, make, images, labels, LAYOUTS[layout], narrow=narrow
            )
            for layout, narrow in product(LAYOUTS, (False, True))
        }
        compare(contestants, rounds)


def train(
    make: Callable[[], Net],
    images: Tensor,
    labels: Tensor,
    layout: torch.memory_format,
    *,
    narrow: bool,
) -> None:
    """Take an epoch of steps."""
    net = make().to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    for rows in torch.split(torch.randperm(NUM_IMAGES), BATCH_SIZE):
        inputs = images.index_select(0, rows).contiguous(memory_format=layout)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            loss = F.cross_entropy(net(inputs), labels.index_select(0, rows))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()


if __name__ == "__main__":
    main()
