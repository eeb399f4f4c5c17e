"""Augmentation of whole batches, with a draw of its own for every sample.

torchvision's transforms draw once for a batch, or work on one image after the other. Here random
numbers are drawn for all samples at once, on the device that the batch is on, from a generator that
is set anew at each epoch: the same seed gives the same images, in a resumed run too.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from mlp_lab.data.geometry import (
    affine_grid,
    as_type,
    blur_matrix,
    crop,
    inverse_affine_matrices,
    rectangles,
    warp,
)
from mlp_lab.data.source import Batch
from mlp_lab.errors import ConfigError


class Augmentation(ABC):
    """Change each training image in its own way, or mix images and labels.

    Shape:
        Images ``(N, C, H, W)``, uint8 or floating, to the same shape and type.
    """

    @abstractmethod
    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the changed images; numbers are drawn from ``generator``, on its device."""

    def apply(self, batch: Batch, num_classes: int, generator: torch.Generator) -> Batch:
        """Return the changed batch; most leave labels alone."""
        images, labels = batch
        return self(images, generator), labels


class PadCrop(Augmentation):
    """Pad with black, and cut out a place of the old size: a shift by whole pixels.

    Args:
        padding: Pixels added on each side, at least 1.

    Raises:
        ConfigError: A padding below 1.
    """

    def __init__(self, padding: int = 2) -> None:
        _require(padding >= 1, self, "padding", padding, "be at least 1.")
        self.padding = padding

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a place for each image and cut it out."""
        shape = (2, len(images))
        corners = torch.randint(
            2 * self.padding + 1, shape, generator=generator, device=images.device
        )
        return crop(F.pad(images, [self.padding] * 4), *corners, *images.shape[2:])


class HorizontalFlip(Augmentation):
    """Mirror some images, left to right.

    Args:
        probability: Share of the images that are mirrored, in [0, 1].

    Raises:
        ConfigError: A probability outside [0, 1].
    """

    def __init__(self, probability: float = 0.5) -> None:
        _require(0 <= probability <= 1, self, "probability", probability, "lie in [0, 1].")
        self.probability = probability

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw which images to mirror."""
        drawn = torch.rand(len(images), generator=generator, device=images.device)
        return torch.where(_per_image(drawn < self.probability), images.flip(-1), images)


class Affine(Augmentation):
    """Rotate, shift, scale and shear about the centre; what comes in from outside is black.

    Args:
        degrees: Rotation, drawn from -degrees to degrees.
        translate: Shift, drawn from -translate to translate, as a share of width and height.
        scale: Factor, drawn from 1 - scale to 1 + scale; in [0, 1).
        shear: Angle of the shear along the rows, drawn from -shear to shear, in degrees.

    Raises:
        ConfigError: A negative value, or a scale outside [0, 1).
    """

    def __init__(
        self,
        degrees: float = 10.0,
        translate: float = 0.1,
        scale: float = 0.1,
        shear: float = 0.0,
    ) -> None:
        for name, value in (("degrees", degrees), ("translate", translate), ("shear", shear)):
            _require(value >= 0, self, name, value, "not be negative.")
        _require(0 <= scale < 1, self, "scale", scale, "lie in [0, 1). Try 0.1.")
        self.degrees = degrees
        self.translate = translate
        self.scale = scale
        self.shear = shear

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw angle, shift, factor and shear for each image."""
        height, width = images.shape[2:]
        drawn = torch.rand(5, len(images), generator=generator, device=images.device) * 2 - 1
        matrices = inverse_affine_matrices(
            angles=drawn[0] * self.degrees,
            shifts=torch.stack([drawn[1] * width, drawn[2] * height], 1) * self.translate,
            scales=1 + drawn[3] * self.scale,
            shears=drawn[4] * self.shear,
        )
        return warp(images, affine_grid(matrices, height, width))


class Elastic(Augmentation):
    """Move each pixel a little, neighbours alike, as ink on rubber.

    Args:
        alpha: Length of the moves, in pixels before they are smoothed.
        sigma: How far neighbours move alike, in pixels.

    Raises:
        ConfigError: A value that is not positive.

    Reference:
        Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to
        Visual Document Analysis", 2003.
    """

    def __init__(self, alpha: float = 20.0, sigma: float = 4.0) -> None:
        for name, value in (("alpha", alpha), ("sigma", sigma)):
            _require(value > 0, self, name, value, "be positive.")
        self.alpha = alpha
        self.sigma = sigma

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a smooth field of moves for each image."""
        height, width = images.shape[2:]
        shape = (len(images), 2, height, width)
        moves = torch.rand(shape, generator=generator, device=images.device) * 2 - 1
        across, down = (blur_matrix(size, self.sigma, images.device) for size in (width, height))
        moves = down @ moves @ across.T * self.alpha
        pixels = torch.tensor([2 / width, 2 / height], device=images.device)
        still = torch.eye(2, 3, device=images.device).expand(len(images), 2, 3)
        return warp(images, affine_grid(still, height, width) + moves.permute(0, 2, 3, 1) * pixels)


class Erasing(Augmentation):
    """Blacken a rectangle in some images.

    Args:
        probability: Share of the images with a rectangle, in [0, 1].
        max_area: Largest share of an image that a rectangle covers, in (0, 1].

    Raises:
        ConfigError: A share out of its range.

    Reference:
        Zhong et al., "Random Erasing Data Augmentation", 2020, https://arxiv.org/abs/1708.04896.
    """

    def __init__(self, probability: float = 0.5, max_area: float = 0.25) -> None:
        _require(0 <= probability <= 1, self, "probability", probability, "lie in [0, 1].")
        _require(0 < max_area <= 1, self, "max_area", max_area, "lie in (0, 1].")
        self.probability = probability
        self.max_area = max_area

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Draw which images, and a rectangle for each of them."""
        drawn = torch.rand(4, len(images), generator=generator, device=images.device)
        side = (drawn[1] * self.max_area).sqrt()
        inside = rectangles(side, drawn[2], drawn[3], *images.shape[2:])
        chosen = _per_image(drawn[0] < self.probability) & inside
        return images.masked_fill(chosen, 0)


class Mixup(Augmentation):
    """Blend each image with another of the batch, and their labels in the same share.

    Args:
        alpha: How strongly, positive: shares are drawn from Beta(alpha, alpha).

    Raises:
        ConfigError: An alpha that is not positive.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018,
        https://arxiv.org/abs/1710.09412.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        _require(alpha > 0, self, "alpha", alpha, "be positive.")
        self.alpha = alpha

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the blended images alone."""
        shares, partners = self._draw(images, generator)
        return self._mix(images, images[partners], shares, generator)[0]

    def apply(self, batch: Batch, num_classes: int, generator: torch.Generator) -> Batch:
        """Return blended images, and labels ``(N, K)`` that sum to 1."""
        images, labels = batch
        shares, partners = self._draw(images, generator)
        mixed, shares = self._mix(images, images[partners], shares, generator)
        targets = labels if labels.ndim == 2 else F.one_hot(labels, num_classes).to(shares.dtype)
        return mixed, torch.lerp(targets[partners], targets, shares[:, None])

    def _draw(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw each image's own share and its partner."""
        # torch.distributions takes no generator; this is what its Beta draws from.
        alphas = torch.full((2, len(images)), self.alpha, device=images.device)
        gammas = torch._standard_gamma(alphas, generator=generator)
        shares = gammas[0] / gammas.sum(0).clamp(min=torch.finfo(gammas.dtype).tiny)
        partners = torch.randperm(len(images), generator=generator, device=images.device)
        return shares, partners

    def _mix(
        self, images: Tensor, others: Tensor, shares: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the mixed images, and the share of each that is its own."""
        blended = torch.lerp(others.to(shares.dtype), images.to(shares.dtype), _per_image(shares))
        return as_type(blended, images.dtype), shares


class CutMix(Mixup):
    """Paste a rectangle of another image of the batch, and mix their labels by its area.

    Args:
        alpha: How strongly, positive: areas are drawn from Beta(alpha, alpha).

    Reference:
        Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features", 2019, https://arxiv.org/abs/1905.04899.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)

    def _mix(
        self, images: Tensor, others: Tensor, shares: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        place = torch.rand(2, len(images), generator=generator, device=images.device)
        inside = rectangles((1 - shares).sqrt(), place[0], place[1], *images.shape[2:])
        own = 1 - inside.flatten(1).to(shares.dtype).mean(1)
        return torch.where(inside, others, images), own


def _per_image(values: Tensor) -> Tensor:
    """Shape one value for each image so that it meets all of its pixels."""
    return values[:, None, None, None]


def _require(valid: bool, owner: Augmentation, name: str, value: float, rule: str) -> None:
    """Raise a ConfigError that names the argument and its rule, unless it is valid."""
    if not valid:
        raise ConfigError(f"{name} of {type(owner).__name__} is {value}; it must {rule}")
