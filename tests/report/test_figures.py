"""Which figures a page shows, and how."""

import csv
from pathlib import Path

import pytest

from mlp_lab.report.comparison import compare
from mlp_lab.report.figures import (
    PageFigure,
    _mean_history,
    draw_comparison_figures,
    embed_run_figures,
)
from mlp_lab.report.pages import write_run_report
from mlp_lab.report.run_files import read_summary
from tests.report.helpers import Page, draw_figures, write_run

SIZES = {
    **{"loss": (60, 40), "confusion": (90, 40), "class_scores": (40, 90), "net": (60, 40)},
    **{"mistakes": (90, 50), "weights": (40, 40), "my own <figure>": (20, 20)},
}


def write_learning_rates(run: Path, *rates: float) -> None:
    path = run / "metrics.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "lr"])
        writer.writeheader()
        steps = [row for row in rows if row["train/loss"]]
        writer.writerows(row | {"lr": str(rate)} for row, rate in zip(steps, rates, strict=True))


def test_figures_stand_in_their_sections_with_their_shapes(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "v0")
    draw_figures(run, SIZES)
    found = {
        section: [(figure.title, figure.css_class) for figure in figures]
        for section, figures in embed_run_figures(read_summary(run)).items()
    }
    assert found == {
        "training": [("loss", "drawing")],
        "classes": [("Confusion matrix", "broad drawing"), ("mistakes", "broad images")],
        "results": [("class scores", "tall drawing")],
        "net": [("net", "drawing"), ("weights", "images")],
        "other": [("my own <figure>", "drawing")],
    }


def test_each_figure_is_in_the_page_once_and_opens_large_without_a_script(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "v0")
    draw_figures(run, SIZES)
    text = write_run_report(read_summary(run), tmp_path).read_text()
    assert text.count("data:image/png;base64,") == len(SIZES)
    page = Page(text)
    assert "script" not in page.tags
    assert (
        "figure.drawing img { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }"
        in text
    )
    opened = [entry["id"] for entry in page.attributes if "popover" in entry]
    assert opened == [e["popovertarget"] for e in page.attributes if "popovertarget" in e]
    assert len({*opened}) == len(SIZES)


@pytest.mark.parametrize("png", [b"", b"\x89PNG\r\n"])
def test_a_figure_that_is_cut_off_has_no_size(png: bytes) -> None:
    figure = PageFigure("a", "A", png)
    assert (figure.size, figure.css_class) == ((0, 0), "drawing")


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ((0.001, 0.001, 0.001), "The learning rate was 0.001 in every step."),
        ((0.001, 0.001, 0.0005), None),
    ],
)
def test_a_learning_rate_that_never_changes_is_a_sentence(
    tmp_path: Path, rates: tuple[float, ...], sentence: str | None
) -> None:
    run = write_run(tmp_path / "a" / "v0")
    write_learning_rates(run, *rates)
    draw_figures(run, {"loss": (60, 40), "learning_rate": (60, 40)})
    text = write_run_report(read_summary(run), tmp_path).read_text()
    assert ("The learning rate was" in text) == (sentence is not None)
    assert (sentence or "") in text
    assert ('alt="learning rate"' in text) == (sentence is None)


def test_settings_are_drawn_and_a_single_run_is_not(tmp_path: Path) -> None:
    runs = [read_summary(write_run(tmp_path / "a" / f"v{n}", seed=n)) for n in range(2)]
    for summaries, expected in (
        (runs, ["Validation accuracy over epochs", "Validation loss over epochs"]),
        (runs[:1], []),
    ):
        (comparison,), _ = compare(summaries)
        figures = draw_comparison_figures(comparison, "figure-0")
        assert [figure.title for figure in figures] == expected
        assert len({figure.id for figure in figures}) == len(figures)


def test_a_curve_is_the_mean_over_all_seeds_or_none(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / f"v{n}", seed=n, losses=losses)
        for n, losses in enumerate([(0.5, 0.6, 0.7), (0.9, 1.0)])
    ]
    (comparison,), _ = compare([read_summary(run) for run in runs])
    (setting,) = comparison.settings
    epochs, values = _mean_history(setting, "val/loss")
    assert epochs == [1, 2]
    assert values == pytest.approx([0.7, 0.8])
