import io

import numpy as np
import pytest
from PIL import Image

from mlp_lab.plots import plot_images, plot_mistakes, to_png
from tests.plots.helpers import texts


@pytest.mark.parametrize("channels", [1, 3])
def test_images_stand_in_rows_with_their_names(channels: int) -> None:
    images = np.arange(3 * channels * 4 * 5, dtype=np.uint8).reshape(3, channels, 4, 5)
    figure = plot_images({"a": images, "b": images[:2]}, "title")
    shown = [image.get_array() for image in figure.axes[0].images]
    assert len(shown) == 5
    expected = np.moveaxis(images[1], 0, -1) / 255
    np.testing.assert_allclose(
        np.asarray(shown[1]), expected if channels == 3 else expected[..., 0]
    )
    assert texts(figure) == ["a", "b"]
    tops = [figure.axes[0].images[number].get_extent()[3] for number in (0, 3)]
    assert [text.get_position()[1] for text in figure.axes[0].texts] == [
        top + 0.4 for top in tops
    ]  # the middle


def test_mistakes_have_both_classes_and_the_confidence() -> None:
    images = np.zeros((3, 1, 4, 4), np.uint8)
    figure = plot_mistakes(images, [("a", "b", 0.9876)] * 3, "")
    assert len(figure.axes[0].images) == 3
    assert texts(figure) == ["a\npredicted as b\n0.988"] * 3


def test_long_names_do_not_run_into_the_next_mistake() -> None:
    figure = plot_mistakes(np.zeros((1, 1, 4, 4)), [("n" * 30, "n" * 30, 1.0)], "")
    assert texts(figure) == [f"{'n' * 23}…\npredicted as {'n' * 11}…\n1.000"]


def test_images_stand_on_a_page_of_any_colour() -> None:
    images = np.full((2, 1, 4, 4), 255, np.uint8)
    for figure in (
        plot_images({"a": images}, "title"),
        plot_mistakes(images, [("a", "b", 0.9)] * 2, "title"),
    ):
        pixels = np.asarray(Image.open(io.BytesIO(to_png(figure))))
        assert (pixels[0, :, 3] == 0).all()  # transparent
        opaque = pixels[pixels[..., 3] == 255]
        assert {*map(tuple, np.unique(opaque, axis=0))} >= {(255,) * 4, (123, 123, 123, 255)}
        assert opaque.min() == 123  # nothing is black
