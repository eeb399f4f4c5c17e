"""The page of mlp-lab serve for colour images, many classes, and numbers to be predicted."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, expect

from mlp_lab.inference import Predictor
from tests.browser.conftest import OpenPage
from tests.browser.on_page import ask, at_rest, bars, drop_or_paste, plotted, read_canvas, to_png

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_colour_model_begins_with_a_sample_and_has_no_pen(
    open_page: OpenPage, colours_url: str
) -> None:
    page = open_page(colours_url)
    sample = page.request.get(f"{colours_url}/api/samples").json()["samples"][0]
    expect(page.locator("#truth")).to_contain_text(f"label is {sample['label']}: ")
    expect(page.get_by_role("radio").first).to_be_checked()
    expect(page.locator("#pad, #pen, #undo")).to_have_count(0)
    assert (seen(page) == np.asarray(sample["input"])).all()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#label")).to_have_text("—")


def test_a_colour_image_that_is_dropped_is_answered_and_explained(
    open_page: OpenPage, colours: Path, colours_url: str
) -> None:
    page = open_page(colours_url)
    at_rest(page)
    image = np.random.default_rng(1).integers(100, 200, (3, 12, 16), np.uint8)
    image[:, 3:8, 9:14] = np.array([0, 0, 255])[:, None, None]
    drop_or_paste(page, "drop", to_png(image.transpose(1, 2, 0)))
    expect(page.locator("#truth")).to_be_empty()
    probabilities = 100 * Predictor(colours).predict(image[None])[0]
    found = bars(page)
    assert list(found) == ["red", "green", "blue"]
    assert [*found.values()] == pytest.approx(probabilities.tolist(), abs=0.06)
    assert (seen(page) == image).all()
    page.get_by_label("Show where the model looks").check()
    looked = page.locator("#looked")
    expect(looked).to_have_text(re.compile(r"^Orange: .* shown in grey meanwhile\.$"))
    expect(page.locator("#seen")).to_have_css("filter", "grayscale(1)")
    page.get_by_role("button", name="Invert the picture").click()
    at_rest(page)
    assert (seen(page) == 255 - image).all()
    page.get_by_label("Show where the model looks").uncheck()
    expect(page.locator("#seen")).to_have_css("filter", "none")


def test_of_many_classes_the_likeliest_are_shown_and_all_by_keyboard(
    open_page: OpenPage, many_url: str
) -> None:
    page = open_page(many_url)
    plotted(page)
    page.get_by_label(re.compile("^x1,")).fill("1")
    page.get_by_label(re.compile("^x2,")).fill("0")
    found = bars(page)
    answer = page.request.post(f"{many_url}/api/predict?top_k=12", data={"inputs": [[1, 0]]}).json()
    top = answer["predictions"][0]["top"]
    assert [*found] == [choice["label"] for choice in top]
    shares = [100 * choice["probability"] for choice in top]
    assert [*found.values()] == pytest.approx(shares, abs=0.06)
    first, second = top[:2]
    spoken = f"{first['label']}, {shares[0]:.1f} %. Next: {second['label']}, {shares[1]:.1f} %."
    expect(page.get_by_role("status")).to_have_text(spoken)
    expect(page.get_by_role("table").locator("caption")).to_contain_text("the likeliest first")
    page.get_by_label("all 30 classes").focus()
    page.keyboard.press("Space")
    every = bars(page)
    assert len(every) == 30
    assert [*every.values()] == sorted(every.values(), reverse=True)
    assert sum(every.values()) == pytest.approx(100, abs=1.5)
    page.keyboard.press("Space")
    assert bars(page) == found


def test_of_many_classes_the_legend_names_the_largest(open_page: OpenPage, many_url: str) -> None:
    page = open_page(many_url, width=360)
    plotted(page)
    *classes, hint = page.locator("#legend li").all_inner_texts()
    assert hint == "30 classes share 10 colours: point at a place to see its class."
    shares = [int(text.removesuffix(" % of the plane").rpartition(" ")[2]) for text in classes]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 10


def test_each_of_several_values_is_drawn_over_the_plane(
    open_page: OpenPage, plane_values_url: str
) -> None:
    page = open_page(plane_values_url)
    plotted(page)
    ranges = page.request.get(f"{plane_values_url}/api/model").json()["range"]
    asked = {"range": ranges, "resolution": 96}
    answer = page.request.post(f"{plane_values_url}/api/surface", data=asked).json()
    values = np.asarray(answer["values"])[::-1]  # (H, W, 3), the lowest row last as on the page
    for target in (0, 1, 2):
        page.get_by_label("Value shown").select_option(str(target))
        shown = values[..., target]
        low, high = shown.min(), shown.max()
        title = page.locator("#plot-title").inner_text()
        found = re.fullmatch(rf"Predicted value {target}, (.*) \(faint\) to (.*) \(strong\)", title)
        assert found
        assert [*map(float, found.groups())] == pytest.approx([low, high], rel=1e-3)
        opacity = 255 * (0.05 + 0.8 * (shown - low) / (high - low))
        assert read_canvas(page, "#surface")[..., 3] == pytest.approx(opacity, abs=1)
    samples = page.request.get(f"{plane_values_url}/api/samples").json()["samples"]
    expect(page.locator("#marks .sample")).to_have_count(len(samples))
    expect(page.locator("#marks .point")).to_have_count(1)


def test_each_of_several_values_is_drawn_along_the_line(
    open_page: OpenPage, line_values_url: str
) -> None:
    page = open_page(line_values_url)
    plotted(page)
    page.get_by_label(re.compile("^x1,")).fill("15")
    at_rest(page)
    answer = page.request.post(f"{line_values_url}/api/predict", data={"inputs": [[15]]}).json()
    value = answer["predictions"][0]["value"]
    for target, rises in ((0, True), (1, False)):
        page.get_by_label("Value shown").select_option(str(target))
        path = page.locator("#marks .line").get_attribute("d")
        assert path
        line = np.asarray([pair.split() for pair in path[1:].split("L")], float)  # (R, 2)
        assert (line[0, 1] > line[-1, 1]) == rises  # y points down
        point = page.locator("#marks .point .dot").get_attribute("d")
        assert point
        x, y = map(float, point[1:].removesuffix("h0").split())
        assert y == pytest.approx(np.interp(x, *line.T), abs=1)
    rows = [text.split() for text in page.locator("#bars tbody tr").all_inner_texts()]
    assert [float(number) for _, number in rows] == pytest.approx(value, rel=1e-3)


def test_a_point_is_answered_before_the_plot_is_there(
    open_page: OpenPage, line_values_url: str
) -> None:
    page = open_page(line_values_url)
    held: list[Route] = []
    page.route("**/api/surface", lambda route: held.append(route))
    page.reload()
    field = page.get_by_label(re.compile("^x1,"))
    field.fill("15")
    expect(page.locator("#label")).to_have_text("2 values")
    expect(page.locator("#marks .point")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#marks .point")).to_have_count(1)
    expect(field).to_have_value("15")


def test_classes_along_a_line_are_a_band(open_page: OpenPage, line_classes_url: str) -> None:
    page = open_page(line_classes_url)
    plotted(page)
    legend = page.locator("#legend li").all_inner_texts()
    assert [text.partition(":")[0] for text in legend] == ["low", "middle", "high"]
    assert all(text.endswith(" % of the line") for text in legend)
    plot = page.get_by_role("application", name="Decision surface")
    box = plot.bounding_box()
    assert box
    plot.click(position={"x": 0.9 * box["width"], "y": 10})
    at_rest(page)
    field = page.get_by_label(re.compile("^x1,"))
    (low, high), *_ = page.request.get(f"{line_classes_url}/api/model").json()["range"]
    assert float(field.input_value()) == pytest.approx(low + 0.9 * (high - low), abs=0.05)
    label, _ = ask(page, line_classes_url, [float(field.input_value())])
    expect(page.locator("#label")).to_have_text(label)


def test_where_a_value_comes_from_is_said_in_its_own_units(
    open_page: OpenPage, brightness_url: str
) -> None:
    page = open_page(brightness_url)
    sample = page.get_by_role("radio", name=re.compile(r"^Sample \d+, labelled 1\d\d(\.\d)?$"))
    sample.first.focus()
    page.keyboard.press("Space")
    expect(page.locator("#truth")).to_have_text(re.compile(r"target is 1\d\d(\.\d)?\.$"))
    page.get_by_label("Show where the model looks").check()
    pattern = (
        r"Orange: covering this place lowers the value, by up to [\d.]+ \(.*\)\. Blue: raises it\."
    )
    expect(page.locator("#looked")).to_have_text(re.compile(pattern))


def seen(page: Page) -> NDArray[np.int64]:
    """Return the picture as the net sees it, ``(3, H, W)``."""
    return read_canvas(page, "#seen")[..., :3].transpose(2, 0, 1)
