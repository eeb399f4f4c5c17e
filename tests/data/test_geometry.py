"""Where the pixels of changed images come from, against torchvision's one image at a time."""

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as V

from mlp_lab.data.geometry import (
    affine_grid,
    as_type,
    blur_matrix,
    crop,
    inverse_affine_matrices,
    rectangles,
    warp,
)
from tests.data.test_augment import make_images


def test_crop_is_torchvisions_for_each_image() -> None:
    images = make_images(25)
    padded = torch.nn.functional.pad(images, [2] * 4)
    tops, lefts = torch.arange(25) // 5, torch.arange(25) % 5
    changed = crop(padded, tops, lefts, 12, 10)
    for image, result, top, left in zip(images, changed, tops, lefts, strict=True):
        assert torch.equal(result, V.crop(V.pad(image, [2] * 4), int(top), int(left), 12, 10))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(
    ("angle", "x", "y", "scale", "shear"),
    [
        (0.0, 0.0, 0.0, 1.0, 0.0),
        (30.0, 0.0, 0.0, 1.0, 0.0),
        (0.0, 2.0, -3.0, 1.0, 0.0),
        (0.0, 0.0, 0.0, 1.3, 0.0),
        (0.0, 0.0, 0.0, 1.0, 15.0),
        (-25.0, 1.0, 2.0, 0.8, -10.0),
    ],
)
def test_affine_is_torchvisions(
    dtype: torch.dtype, angle: float, x: float, y: float, scale: float, shear: float
) -> None:
    images = make_images(2).to(dtype)
    matrices = inverse_affine_matrices(
        *(torch.tensor([value]) for value in (angle, (x, y), scale, shear))
    )
    changed = warp(images, affine_grid(matrices.expand(2, 2, 3), 12, 10))
    expected = V.affine(
        images, angle, [x, y], scale, [shear, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    # Rounding to bytes may fall to either side.
    difference = (changed.float() - expected.float()).abs()
    assert difference.max() <= (1.0 if dtype == torch.uint8 else 2e-3)
    assert difference.mean() < 0.02


@pytest.mark.parametrize(("height", "width", "sigma"), [(28, 28, 4.0), (12, 10, 1.0), (9, 9, 2.7)])
def test_blurring_is_torchvisions(height: int, width: int, sigma: float) -> None:
    images = make_images(height=height, width=width).to(torch.float32)
    down, across = (blur_matrix(size, sigma, images.device) for size in (height, width))
    kernel = [2 * round(3 * sigma) + 1] * 2
    expected = V.gaussian_blur(images, kernel, [sigma, sigma])
    torch.testing.assert_close(down @ images @ across.T, expected, rtol=1e-4, atol=1e-3)


def test_a_blur_wider_than_the_image_is_still_a_mean() -> None:
    matrix = blur_matrix(5, 40.0, torch.device("cpu"))
    torch.testing.assert_close(matrix.sum(1), torch.ones(5))
    assert matrix.min() >= 0


def test_rectangles_lie_where_they_are_put() -> None:
    places = torch.tensor([0.0, 0.999])
    inside = rectangles(torch.tensor([0.5, 0.25]), places, places, 4, 8)
    assert inside.shape == (2, 1, 4, 8)
    assert inside[0, 0, :2, :4].all()
    assert inside[1, 0, 3:, 6:].all()
    assert inside.sum((1, 2, 3)).tolist() == [8, 2]


def test_computed_images_are_rounded_to_bytes_alone() -> None:
    images = torch.tensor([1.4, 1.6, 254.7])
    assert as_type(images, torch.uint8).tolist() == [1, 2, 255]
    assert torch.equal(as_type(images, torch.float32), images)
