"""How characters lie in images, and which parts of one are covered."""

import numpy as np
import pytest

from mlp_lab.serve.explain import cover, grid_points, spread
from mlp_lab.serve.framing import has_dark_background, measure_framing


def bar(top: int, left: int, height: int, width: int) -> np.ndarray:
    image = np.zeros((1, 1, 28, 28), np.uint8)
    image[..., top : top + height, left : left + width] = 255
    return image


def test_a_bar_is_measured() -> None:
    framing = measure_framing(bar(4, 12, 20, 3))
    assert framing is not None
    assert (framing.height, framing.width, framing.center) == (20, 3, (13.5, 14))
    assert framing.stroke == pytest.approx(3, rel=0.15)


def test_dark_ink_on_light_paper_is_measured_alike() -> None:
    images = np.concatenate([bar(4, 12, 20, 3), bar(6, 10, 16, 3)])
    assert has_dark_background(images)
    assert not has_dark_background(255 - images)
    assert measure_framing(images) == measure_framing(255 - images)


def test_no_ink_has_no_framing() -> None:
    assert measure_framing(np.zeros((3, 1, 8, 8), np.uint8)) is None


def test_each_pixel_is_covered_by_the_border_s_median() -> None:
    image = np.full((3, 28, 28), 7, np.uint8)
    image[:, 10:18, 10:18] = 200
    covered, side, places = cover(image)
    assert (covered.shape, side, places) == ((784, 3, 28, 28), 5, (28, 28))
    assert (image[:, 10:18, 10:18] == 200).all()
    at = covered.reshape(28, 28, 3, 28, 28)[14, 12]
    assert (at[:, 12:17, 10:15] == 7).all()
    assert (at != image).sum() == 3 * 25
    assert (covered.reshape(28, 28, 3, 28, 28)[0, 0] == image).all()


def test_large_images_have_fewer_places_that_reach_every_pixel() -> None:
    image = np.zeros((1, 100, 70), np.uint8)
    image[:, 1:-1, 1:-1] = 9
    covered, _, (down, across) = cover(image)
    assert len(covered) == down * across <= 1024
    assert ((covered == 0).any(0)).all()
    values = spread(np.arange(len(covered)), (down, across), (100, 70))
    assert values.shape == (100, 70)
    assert (values[0, 0], values[-1, -1]) == (0, len(covered) - 1)


def test_points_lie_row_by_row() -> None:
    assert grid_points([(0, 1)], 3).ravel().tolist() == [0, 0.5, 1]
    points = grid_points([(0, 1), (10, 20)], 2)
    assert points.tolist() == [[0, 10], [1, 10], [0, 20], [1, 20]]
