import numpy as np
import pytest
from matplotlib.collections import LineCollection

from mlp_lab.nets import CNN, MLP, trace_layers
from mlp_lab.plots import plot_filters, plot_net
from tests.helpers.nets import TwoBranches
from tests.plots.helpers import texts


def test_a_net_is_drawn_with_its_layers() -> None:
    net = MLP((1, 8, 8), 3, hidden_dims=[20, 5])
    figure = plot_net((1, 8, 8), trace_layers(net), "MLP")
    assert [text for text in texts(figure) if "\n" in text] == [
        "input\n1 x 8 x 8",
        "Linear\n20",
        "Linear\n5",
        "Linear\n3",
    ]
    lines = [
        len(lines.get_segments())
        for lines in figure.axes[0].collections
        if hasattr(lines, "get_segments")
    ]
    assert lines == [12 * 12, 12 * 5, 5 * 3]
    channels = plot_net((1, 8, 8), trace_layers(CNN((1, 8, 8), 3, channels=[4])), "CNN")
    assert "Conv2d\n4 x 8 x 8" in texts(channels)


def test_only_layers_that_feed_each_other_are_connected() -> None:
    net = TwoBranches((4,), 3)
    figure = plot_net((4,), trace_layers(net), "two branches")
    bundles = [
        lines.get_segments()
        for lines in figure.axes[0].collections
        if isinstance(lines, LineCollection)
    ]
    assert [len(lines) for lines in bundles] == [4 * 3, 2 * 3, 2]
    first, second, arcs = (
        [(line[0][0], line[-1][0]) for line in np.asarray(lines)] for lines in bundles
    )
    assert ({*first}, {*second}) == ({(0, 1)}, {(2, 3)})
    assert np.asarray(arcs) == pytest.approx(np.array([(0, 2), (1, 3)]))


def test_filters_are_clipped_each_by_itself() -> None:
    weights = np.random.default_rng(0).normal(size=(70, 1, 10, 10))
    weights[0] *= 1000
    weights[1, 0, 0, 0] = 1e6
    figure = plot_filters(weights, "")
    shown = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(shown) == 64
    assert all(image.min() == 0 and image.max() == 1 for image in shown)
    assert 0.3 < np.median(shown[1]) < 0.7
