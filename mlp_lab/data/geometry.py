"""Geometry of batches of images: where each pixel of a changed image comes from."""

import torch
from torch import Tensor
from torch.nn import functional as F


def crop(images: Tensor, tops: Tensor, lefts: Tensor, height: int, width: int) -> Tensor:
    """Cut a rectangle out of each image at its own place.

    Shape:
        images ``(N, C, H, W)``; tops and lefts ``(N,)`` int64; result ``(N, C, height, width)``.
    """
    rows = tops[:, None] + torch.arange(height, device=images.device)
    columns = lefts[:, None] + torch.arange(width, device=images.device)
    positions = rows[:, :, None] * images.shape[3] + columns[:, None, :]  # (N, height, width)
    flat = positions.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, flat).reshape(*images.shape[:2], height, width)


def inverse_affine_matrices(
    angles: Tensor, shifts: Tensor, scales: Tensor, shears: Tensor
) -> Tensor:
    """Compute for each image where a pixel of the result comes from.

    Args:
        angles: Rotation, clockwise, in degrees.
        shifts: To the right and down, in pixels.
        scales: Factors.
        shears: Angles along the rows, in degrees.

    Shape:
        angles, scales and shears ``(N,)``, shifts ``(N, 2)``; result ``(N, 2, 3)``, over pixels
        counted from the centre.
    """
    rotation, shear = angles.deg2rad(), shears.deg2rad()
    cosine, sine, slope = rotation.cos(), rotation.sin(), shear.tan()
    # The inverse of scale * rotation * shear, whose determinant is scale squared.
    rows = [
        torch.stack([cosine - sine * slope, sine + cosine * slope], 1),
        torch.stack([-sine, cosine], 1),
    ]
    linear = torch.stack(rows, 1) / scales[:, None, None]
    return torch.cat([linear, -linear @ shifts[:, :, None]], 2)


def affine_grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """Return for each pixel where it comes from, ``(N, H, W, 2)``, images spanning -1..1.

    Shape:
        matrices ``(N, 2, 3)`` over pixels counted from the centre.
    """
    device = matrices.device
    across = _centres(width, device) * width / 2  # pixels from the centre
    down = _centres(height, device) * height / 2
    by_column = matrices[:, :, 0, None] * across  # (N, 2, W)
    by_row = matrices[:, :, 1, None] * down + matrices[:, :, 2, None]  # (N, 2, H)
    # A sum of two vectors each; F.affine_grid multiplies a matrix for every pixel.
    places = by_column[:, :, None, :] + by_row[:, :, :, None]
    return places.permute(0, 2, 3, 1) / (torch.tensor([width, height], device=device) / 2)


def _centres(size: int, device: torch.device) -> Tensor:
    """Return where the centres of pixels are when the image spans -1..1."""
    return (torch.arange(size, device=device) * 2 + 1) / size - 1


def blur_matrix(size: int, sigma: float, device: torch.device) -> Tensor:
    """Return the matrix that smooths a line of pixels with a Gaussian, ``(size, size)``.

    The bell is cut off at three standard deviations, and the line goes on mirrored at its ends. For
    small images two products with it take a tenth of the time of a convolution or less.

    Args:
        size: Pixels of the line.
        sigma: Standard deviation, in pixels.
        device: Where it is made.
    """
    radius = min(round(3 * sigma), size - 1)  # further out the mirrored line would end again
    offsets = torch.arange(-radius, radius + 1, device=device)
    weights = (-0.5 * (offsets / sigma) ** 2).exp()
    sources = (torch.arange(size, device=device)[:, None] + offsets).abs()
    mirrored = size - 1 - (size - 1 - sources).abs()
    shares = (weights / weights.sum()).expand(size, -1)
    return torch.zeros(size, size, device=device).scatter_add(1, mirrored, shares)


def warp(images: Tensor, grid: Tensor) -> Tensor:
    """Sample each pixel at its place in the grid, between four pixels; outside is black."""
    floats = images.to(grid.dtype)
    return as_type(F.grid_sample(floats, grid, align_corners=False), images.dtype)


def rectangles(sides: Tensor, rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Compute for each image which pixels lie in its rectangle, ``(N, 1, H, W)`` bool.

    Args:
        sides: Height and width of the rectangle, as a share of the image's.
        rows: Its place from top to bottom, in [0, 1).
        columns: Its place from left to right, in [0, 1).
        height: Height of the images.
        width: Width of the images.
    """

    def covered(places: Tensor, size: int) -> Tensor:
        length = (sides * size).round()
        start = (places * (size - length + 1)).floor()
        pixels = torch.arange(size, device=sides.device)
        return (pixels >= start[:, None]) & (pixels < (start + length)[:, None])

    return (covered(rows, height)[:, :, None] & covered(columns, width)[:, None, :])[:, None]


def as_type(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn computed images into the type that they came in."""
    return images.to(dtype) if dtype.is_floating_point else images.round().to(dtype)
