"""Data sets that need no download."""

import functools
import math
from abc import abstractmethod
from pathlib import Path

import torch
from torch import Tensor

from mlp_lab.data.source import Part, Samples, Source
from mlp_lab.errors import ConfigError
from mlp_lab.seeding import generator


class Digits(Source):
    """Handwritten digits that come with scikit-learn: 1,797 grey images of 8 x 8.

    Reference:
        Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
        Repository, 1998.
    """

    input_shape = (1, 8, 8)
    class_names = tuple("0123456789")
    parts = frozenset({"train"})

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Scale the 17 grey values of scikit-learn to bytes, 16 becoming 255."""
        images, labels = _load_digits()
        bytes_ = (images * (255 / 16)).round().to(torch.uint8)
        return {"train": Samples(bytes_.reshape(-1, *self.input_shape), labels.clone())}


@functools.cache  # its text takes longer to parse than an epoch on it
def _load_digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return torch.from_numpy(images), torch.from_numpy(labels).long()


class _Points(Source):
    """Points in the plane that belong to one of two classes.

    Args:
        num_samples: Number of points, at least 4.
        noise: Standard deviation of what is added to each coordinate.
        seed: Which of the many such sets; apart from the seed of the training.

    Raises:
        ConfigError: Fewer than 4 points, or a negative noise.
    """

    input_shape = (2,)
    class_names = ("0", "1")
    parts = frozenset({"train"})

    def __init__(self, num_samples: int = 1000, noise: float = 0.1, seed: int = 0) -> None:
        super().__init__()
        _check_drawn("num_samples", num_samples, noise, seed)
        self.num_samples = num_samples
        self.noise = noise
        self.seed = seed

    @abstractmethod
    def draw(self) -> tuple[Tensor, Tensor]:
        """Return points ``(N, 2)`` and labels ``(N,)``."""

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Draw the points."""
        points, labels = self.draw()
        return {"train": Samples(points.float(), labels.long())}


class XOR(_Points):
    """Four clouds at the corners of a square; opposite corners are of one class.

    Args:
        noise: Standard deviation of what is added to each coordinate; the square's side is 1.
    """

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw the same number of points, or one more, at each corner."""
        corners = torch.arange(self.num_samples) % 4
        first, second = corners // 2, corners % 2
        spread = torch.randn(self.num_samples, 2, generator=generator(self.seed)) * self.noise
        return torch.stack([first, second], 1) + spread, first ^ second


class Circles(_Points):
    """Two circles about one centre.

    Args:
        noise: Standard deviation of what is added to each coordinate; the outer radius is 1.
    """

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw as scikit-learn's make_circles does, the inner circle half as wide."""
        from sklearn.datasets import make_circles

        points, labels = make_circles(
            self.num_samples, noise=self.noise, factor=0.5, random_state=self.seed
        )
        return torch.from_numpy(points), torch.from_numpy(labels)


class Moons(_Points):
    """Two crescents, each with a tip inside the other.

    Args:
        noise: Standard deviation of what is added to each coordinate; the radius is 1.
    """

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw as scikit-learn's make_moons does."""
        from sklearn.datasets import make_moons

        points, labels = make_moons(self.num_samples, noise=self.noise, random_state=self.seed)
        return torch.from_numpy(points), torch.from_numpy(labels)


class _Curve(Source):
    """A noisy function of one input, for regression."""

    input_shape = (1,)
    class_names = ()
    num_targets = 1


class SigmoidCurve(_Curve):
    """The noisy S of a sigmoid, ``y = sigmoid(10 x)`` for x in [-0.5, 0.5); predict y from x.

    The test part is the true curve at 1,000 places, so the test's error is that to the truth.

    Args:
        num_points: Number of evenly spaced x, at least 4.
        repeats: How many noisy y there are of each x, at least 1.
        noise: Standard deviation of what is added to y.
        seed: Which of the many such sets; apart from the seed of the training.

    Raises:
        ConfigError: Fewer than 4 points, no repeats, or a negative noise.
    """

    parts = frozenset({"train", "test"})

    _NUM_TRUE = 1000

    def __init__(
        self, num_points: int = 100, repeats: int = 5, noise: float = 0.05, seed: int = 0
    ) -> None:
        super().__init__()
        _check_drawn("num_points", num_points, noise, seed)
        if repeats < 1:
            raise ConfigError(f"data.source.repeats is {repeats}; it must be at least 1.")
        self.num_points = num_points
        self.repeats = repeats
        self.noise = noise
        self.seed = seed

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Draw the noisy points, and give the curve beside them."""
        x = self._spread(self.num_points).repeat_interleave(self.repeats, 0)
        spread = torch.randn(len(x), 1, generator=generator(self.seed)) * self.noise
        true_x = self._spread(self._NUM_TRUE)
        return {
            "train": Samples(x, torch.sigmoid(10 * x) + spread),
            "test": Samples(true_x, torch.sigmoid(10 * true_x)),
        }

    @staticmethod
    def _spread(num: int) -> Tensor:
        return (torch.arange(num) / num - 0.5)[:, None]


class Line(_Curve):
    """Points near a straight line, ``y = slope x + intercept`` for x in [0, 1).

    Args:
        num_samples: Number of evenly spaced points, at least 4.
        slope: How steep the line is.
        intercept: Where it begins.
        noise: Standard deviation of what is added to y.
        seed: Which of the many such sets; apart from the seed of the training.

    Raises:
        ConfigError: Fewer than 4 points, or a negative noise.
    """

    parts = frozenset({"train"})

    def __init__(
        self,
        num_samples: int = 50,
        slope: float = 0.7,
        intercept: float = 0.3,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_drawn("num_samples", num_samples, noise, seed)
        self.num_samples = num_samples
        self.slope = slope
        self.intercept = intercept
        self.noise = noise
        self.seed = seed

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Draw the points."""
        x = (torch.arange(self.num_samples) / self.num_samples)[:, None]
        spread = torch.randn(len(x), 1, generator=generator(self.seed)) * self.noise
        return {"train": Samples(x, self.slope * x + self.intercept + spread)}


def _check_drawn(key: str, num: int, noise: float, seed: int) -> None:
    if num < 4:
        raise ConfigError(f"data.source.{key} is {num}; it must be at least 4.")
    if not 0 <= noise < math.inf:
        raise ConfigError(f"data.source.noise is {noise}; it must not be negative, nor infinite.")
    if seed < 0:
        raise ConfigError(f"data.source.seed is {seed}; it must not be negative.")
