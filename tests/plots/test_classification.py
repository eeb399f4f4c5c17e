from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_lab.evaluation.calibration import measure_calibration
from mlp_lab.evaluation.curves import Curve, Curves
from mlp_lab.plots import (
    plot_calibration,
    plot_confusion,
    plot_precision_recall_curves,
    plot_roc_curves,
    write_figure,
)
from tests.plots.helpers import legend_texts, texts


@pytest.mark.parametrize("num", [2, 20, 21, 100])
def test_confusion_matrix_shows_counts_and_fractions(num: int, tmp_path: Path) -> None:
    confusion = np.eye(num, dtype=int) * 30 + 10
    figure = plot_confusion(confusion, [f"name {n}" for n in range(num)], "A title")
    assert len(figure.axes) == (2 if num <= 20 else 4)  # with bars of colour
    counts, fractions = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert counts is not None
    assert fractions is not None
    np.testing.assert_array_equal(counts, confusion)
    np.testing.assert_allclose(np.asarray(fractions).sum(1), 1)
    if num <= 20:
        assert texts(figure).count("40") == num
    write_figure(figure, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.width > 600


def test_a_confusion_matrix_is_darker_where_there_is_more() -> None:
    figure = plot_confusion(np.array([[60, 0], [25, 35]]), ["a", "b"], "")
    image = figure.axes[0].images[0]
    lightness = image.to_rgba(np.array([0, 25, 35, 60]))[:, :3].sum(1)
    assert lightness.tolist() == sorted(lightness, reverse=True)
    assert lightness[0] > 2.9  # nearly white
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours == {"60": "white", "0": "black", "25": "black", "35": "black"}


def test_an_empty_row_of_a_confusion_matrix_is_zero() -> None:
    figure = plot_confusion(np.array([[2, 2], [0, 0]]), ["a", "b"], "")
    assert texts(figure) == ["2", "2", "0", "0", ".50", ".50", "0", "0"]


def test_of_many_curves_the_lowest_are_named() -> None:
    line = np.linspace(0, 1, 5)
    curves = {f"class {n}": Curve(line, line, n / 100) for n in range(100)}
    figure = plot_roc_curves(Curves(curves, {"micro": Curve(line, line, 0.5)}))
    named = legend_texts(figure)
    assert named[0] == "class 0  0.0000"
    assert named[-1] == "micro average  0.5000"
    assert len(named) == 11
    assert len(figure.axes[0].lines) == 101


def test_curves_have_the_names_of_the_field() -> None:
    curve = Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.5)
    roc, recall = (
        plot(Curves({"a": curve})) for plot in (plot_roc_curves, plot_precision_recall_curves)
    )
    assert [figure.axes[0].get_title() for figure in (roc, recall)] == [
        "ROC curve",
        "Precision-recall curve",
    ]
    assert (roc.axes[0].get_xlabel(), roc.axes[0].get_ylabel()) == (
        "false positive rate",
        "true positive rate",
    )
    assert (recall.axes[0].get_xlabel(), recall.axes[0].get_ylabel()) == ("recall", "precision")


def test_a_reliability_diagram_shows_accuracy_over_confidence() -> None:
    calibration = measure_calibration(
        torch.tensor([[0.9, 0.1], [0.25, 0.75]]), torch.tensor([0, 0])
    )
    figure = plot_calibration(calibration)
    upper, lower = figure.axes
    assert upper.get_title() == "Reliability diagram (ECE 0.4250)"
    assert legend_texts(figure) == ["perfectly calibrated", "mean confidence", "accuracy"]
    points = np.asarray(upper.lines[1].get_xydata())
    np.testing.assert_allclose(points, np.array([[0.75, 0], [0.9, 1]]))
    counts = [bar.get_height() for bar in lower.containers[0]]
    assert (sum(counts), counts[11], counts[13]) == (2, 1, 1)


def test_a_reliability_diagram_shows_what_was_before_calibration() -> None:
    labels = torch.tensor([0, 0])
    before = measure_calibration(torch.tensor([[0.9, 0.1], [0.25, 0.75]]), labels)
    after = measure_calibration(torch.tensor([[0.8, 0.2], [0.4, 0.6]]), labels)
    upper = plot_calibration(after, before).axes[0]
    assert upper.get_title() == "Reliability diagram (ECE 0.4000)"
    assert upper.lines[2].get_label() == "before calibration (ECE 0.4250)"
    points = np.asarray(upper.lines[2].get_xydata())
    np.testing.assert_allclose(points, np.array([[0.75, 0], [0.9, 1]]))
