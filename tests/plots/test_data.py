import numpy as np
import pytest
from matplotlib.patches import Rectangle

from mlp_lab.plots import plot_class_bars, plot_images, plot_points


@pytest.mark.parametrize("num_classes", [2, 10, 100])
def test_a_bar_for_each_class_and_split(num_classes: int) -> None:
    counts = {"train": list(range(num_classes)), "test": [5] * num_classes}
    names = [f"Klasse {k} ö" for k in range(num_classes)]
    axes = plot_class_bars(counts, names, "samples", "").axes[0]
    widths = [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)]
    assert widths == [*range(num_classes), *[5] * num_classes]
    assert [label.get_text() for label in axes.get_yticklabels()] == names


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
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts] == ["a", "b"]
    tops = [figure.axes[0].images[number].get_extent()[3] for number in (0, 3)]
    assert [text.get_position()[1] for text in texts] == [top + 0.4 for top in tops]  # the middle


def test_points_are_drawn_by_class() -> None:
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    axes = plot_points(points, ["left", "right", "left"], "title").axes[0]
    drawn = [np.asarray(c.get_offsets()).tolist() for c in axes.collections]
    assert drawn == [[[0.0, 1.0], [4.0, 5.0]], [[2.0, 3.0]]]
