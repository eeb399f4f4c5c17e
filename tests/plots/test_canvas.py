from pathlib import Path

import numpy as np
import pytest

from mlp_lab.evaluation.curves import Curve, Curves
from mlp_lab.plots import plot_confusion, plot_roc_curves, write_figure
from mlp_lab.plots.canvas import choose_colours, format_names, new_axes


@pytest.mark.parametrize("name", ["<script>", "日本", "$x_1$", "an\nother", "עברית", "Ω"])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    figure = plot_confusion(np.ones((2, 2), int), ["a", name], "")
    write_figure(figure, tmp_path / "x.png")
    curve = Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.5)
    write_figure(plot_roc_curves(Curves({name: curve})), tmp_path / "y.png")


def test_names_that_no_font_has_become_numbers() -> None:
    assert format_names(["a", "\U000f0000"]) == ["a", "class 1"]


def test_long_names_are_shortened() -> None:
    assert format_names(["abcdef", "abc"], max_length=4) == ["abc…", "abc"]


@pytest.mark.parametrize("num", [1, 10, 11, 100])
def test_every_class_has_a_colour_of_its_own(num: int) -> None:
    assert len({str(colour) for colour in choose_colours(num)}) == num


def test_axes_have_the_colours_that_are_chosen_for_classes() -> None:
    figure, axes = new_axes(3, 2, title="A title")
    assert figure.get_size_inches().tolist() == [3, 2]
    assert axes.get_title() == "A title"
    assert [axes.plot([0, 1])[0].get_color() for _ in range(3)] == choose_colours(3)
