"""A data set: facts that are known before anything is read, and a method that reads."""

from pathlib import Path

import torch

from mlp_lab.data import Part, Samples, Source


class Spirals(Source):
    """Points on three arms of a spiral, each arm a class.

    Args:
        num_samples: Number of points.
        noise: Standard deviation of what is added to each coordinate.
        seed: Which of the many such sets.
    """

    input_shape = (2,)
    class_names = ("first arm", "second arm", "third arm")
    parts = frozenset({"train"})  # validation and test are split off

    def __init__(self, num_samples: int = 900, noise: float = 0.03, seed: int = 0) -> None:
        super().__init__()
        self.num_samples = num_samples
        self.noise = noise
        self.seed = seed

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Draw the points: inputs float32 ``(N, 2)``, or images uint8 ``(N, C, H, W)``."""
        draws = torch.Generator().manual_seed(self.seed)
        labels = torch.arange(self.num_samples) % len(self.class_names)
        radius = torch.rand(self.num_samples, generator=draws)
        angle = 2 * torch.pi * (radius + labels / len(self.class_names))
        points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
        points += self.noise * torch.randn(points.shape, generator=draws)
        return {"train": Samples(points, labels)}
