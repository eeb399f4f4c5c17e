"""What the figures of classes hold; their looks are looked at."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.evaluation.calibration import calibrate
from mlp_lab.evaluation.curves import Curve, Curves
from mlp_lab.nets import CNN, MLP, trace_layers
from mlp_lab.plots import (
    plot_calibration,
    plot_class_bars,
    plot_confusion,
    plot_decision_surface,
    plot_filters,
    plot_history,
    plot_mistakes,
    plot_net,
    plot_predictions,
    plot_roc_curves,
    write_figure,
)
from mlp_lab.plots.canvas import drawable


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("num", [2, 20, 21, 100])
def test_confusion_shows_counts_and_shares(num: int, tmp_path: Path) -> None:
    confusion = np.eye(num, dtype=int) * 30 + 10
    figure = plot_confusion(confusion, [f"name {n}" for n in range(num)], "A title")
    assert len(figure.axes) == (2 if num <= 20 else 4)  # with bars of colour
    counts, shares = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert counts is not None
    assert shares is not None
    np.testing.assert_array_equal(counts, confusion)
    np.testing.assert_allclose(np.asarray(shares).sum(1), 1)
    if num <= 20:
        assert texts(figure).count("40") == num
    write_figure(figure, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.width > 600


def test_an_empty_row_of_a_confusion_is_zero() -> None:
    figure = plot_confusion(np.array([[2, 2], [0, 0]]), ["a", "b"], "")
    assert texts(figure) == ["2", "2", "0", "0", ".50", ".50", "0", "0"]


def test_of_many_curves_the_lowest_are_named() -> None:
    line = np.linspace(0, 1, 5)
    curves = {f"class {n}": Curve(line, line, n / 100) for n in range(100)}
    figure = plot_roc_curves(Curves(curves, {"micro": Curve(line, line, 0.5)}))
    (legend,) = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named[0] == "class 0  0.0000"
    assert named[-1] == "micro average  0.5000"
    assert len(named) == 11
    assert len(figure.axes[0].lines) == 101


def test_scores_have_a_bar_for_each_class() -> None:
    figure = plot_class_bars({"precision": [0.5, 1], "recall": [0.25, 0]}, ["a", "b"], "", "")
    widths = [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]
    assert widths == [[0.5, 1], [0.25, 0]]


def test_reliability_says_its_error() -> None:
    calibration = calibrate(torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([0, 0]))
    figure = plot_calibration(calibration)
    assert "0.4500" in figure.axes[0].get_title()


def test_a_surface_is_of_what_the_net_says() -> None:
    points, labels = np.random.default_rng(0).random((30, 2)), np.arange(30) % 3
    seen: list[int] = []

    def probabilities(places: NDArray[np.floating]) -> NDArray[np.floating]:
        seen.append(len(places))
        return np.ones((len(places), num)) / num

    for num in (2, 3):
        names = ["a", "b", "c"][:num]
        figure = plot_decision_surface(points, labels % num, names, probabilities, "")
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == names
    assert seen == [40_000] * 2


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


def test_filters_are_clipped_each_by_itself() -> None:
    weights = np.random.default_rng(0).normal(size=(70, 1, 10, 10))
    weights[0] *= 1000
    weights[1, 0, 0, 0] = 1e6
    figure = plot_filters(weights, "")
    shown = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(shown) == 64
    assert all(image.min() == 0 and image.max() == 1 for image in shown)
    assert 0.3 < np.median(shown[1]) < 0.7


def test_mistakes_say_what_and_how_sure() -> None:
    images = np.zeros((3, 1, 4, 4), np.uint8)
    figure = plot_mistakes(images, [("あ", "b", 0.9876)] * 3, "")
    assert len(texts(figure)) == len(figure.axes[0].images) == 3
    assert texts(figure)[0].endswith("taken for b\n0.988")


def test_predictions_stand_over_the_truth() -> None:
    true = np.arange(6.0).reshape(3, 2)
    figure = plot_predictions(true + 1, true, "")
    points = figure.axes[0].collections[1].get_offsets()
    np.testing.assert_array_equal(points, np.stack([true[:, 1], true[:, 1] + 1], 1))


def test_history_marks_the_best() -> None:
    figure = plot_history({"a": ([1, 2], [3, 4])}, "epoch", "", best=2)
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[1, 2], [2, 2]]  # type: ignore[arg-type]  # lists


@pytest.mark.parametrize("name", ["<script>", "日本", "$x_1$", "an\nother", "עברית", "Ω"])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    figure = plot_confusion(np.ones((2, 2), int), ["a", name], "")
    write_figure(figure, tmp_path / "x.png")
    curve = Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.5)
    write_figure(plot_roc_curves(Curves({name: curve})), tmp_path / "y.png")


def test_names_that_no_font_has_become_numbers() -> None:
    assert drawable(["a", "\U000f0000"]) == ["a", "class 1"]
