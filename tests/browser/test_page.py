"""The page of mlp-lab serve, in a browser."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import FilePayload, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.on_page import ask, at_rest, bars, draw, drop_or_paste, pixels, plotted, to_png
from tests.browser.strokes import trace_strokes

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THIN_PEN = 0.4  # of the training images' strokes


def test_a_hundred_drawn_digits_are_recognised_as_well_as_the_test_images(
    open_page: OpenPage, digits: Path, digits_url: str
) -> None:
    page = open_page(digits_url)
    card = page.request.get(f"{digits_url}/api/model").json()
    pen = THIN_PEN * card["framing"]["stroke"]
    page.get_by_role("slider", name="Pen").fill(str(THIN_PEN))
    images, labels = read_test_digits(digits)
    right = 0
    for image, label in zip(images[:100], labels[:100], strict=True):
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#label")).to_have_text("—")
        for stroke in trace_strokes(image, pen):
            draw(page, stroke, len(image))
        right += at_rest(page) == str(label)
    accuracy = json.loads((digits / "metrics.json").read_text())["test/acc"]
    assert right >= 100 * accuracy - 5


def test_bars_follow_the_pen_and_undo_takes_strokes_back(
    open_page: OpenPage, digits_url: str
) -> None:
    page = open_page(digits_url)
    draw(page, [(4, 1), (4, 7)], 8)
    first = bars(page)
    assert sum(first.values()) == pytest.approx(100, abs=1)
    draw(page, [(1, 1), (7, 1)], 8)
    second = bars(page)
    assert first != second
    page.get_by_role("button", name="Undo").click()
    assert bars(page) == first
    page.keyboard.press("Control+z")
    expect(page.locator("#label")).to_have_text("—")


def test_where_one_draws_and_how_large_makes_no_difference(
    open_page: OpenPage, digits_url: str
) -> None:
    page = open_page(digits_url)
    seen = []
    for scale, shift in ((1, 0), (0.5, 0), (0.5, 3.5)):
        page.get_by_role("button", name="Clear").click()
        draw(page, [(x * scale + shift, y * scale + shift) for x, y in [(2, 1), (6, 1), (3, 7)]], 8)
        at_rest(page)
        seen.append(pixels(page))
    assert np.abs(seen[0] - seen[1]).max() <= 8
    assert np.abs(seen[1] - seen[2]).max() <= 8
    rows = np.flatnonzero(seen[0].max(1) > 64)
    assert (rows[0], rows[-1]) == (0, 7)  # as high as the digits of the training set


def test_requests_do_not_pile_up_while_one_draws(open_page: OpenPage, digits_url: str) -> None:
    page = open_page(digits_url)
    waiting: list[Route] = []
    page.route("**/api/predict", lambda route: waiting.append(route), times=1)
    draw(page, [(1 + step / 10, 4) for step in range(50)], 8)
    assert len(waiting) == 1
    later: list[Any] = []
    page.on("request", lambda request: later.append(request.post_data_json))
    waiting[0].continue_()
    at_rest(page)
    assert later == [{"inputs": [[pixels(page).tolist()]]}]  # the newest alone


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_an_image_file_is_answered(
    open_page: OpenPage, digits: Path, digits_url: str, way: Literal["choose", "drop", "paste"]
) -> None:
    page = open_page(digits_url)
    images, labels = read_test_digits(digits)
    file: FilePayload = {"name": "../a.png", "mimeType": "image/png", "buffer": to_png(images[0])}
    if way == "choose":
        page.get_by_label("An image file").set_input_files([file])
    else:
        drop_or_paste(page, way, to_png(images[0]))
    expect(page.locator("#label")).to_have_text(str(labels[0]))
    assert (pixels(page) == images[0]).all()
    page.get_by_role("button", name="Invert the picture").click()
    at_rest(page)
    assert (pixels(page) == 255 - images[0]).all()


def test_what_is_no_image_is_refused_in_a_sentence(open_page: OpenPage, digits_url: str) -> None:
    page = open_page(digits_url, expected="Failed to load resource")
    file: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": b"no image"}
    page.get_by_label("An image file").set_input_files([file])
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"image.*\.$"))


def test_a_sample_is_chosen_by_keyboard_drawn_on_and_explained(
    open_page: OpenPage, digits_url: str
) -> None:
    page = open_page(digits_url)
    samples = page.request.get(f"{digits_url}/api/samples").json()["samples"]
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    at_rest(page)
    assert (pixels(page) == np.asarray(samples[1]["input"][0])).all()
    label = samples[1]["label"]
    expect(page.locator("#truth")).to_have_text(re.compile(rf"label is {label}: (right|wrong)\."))
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d, .* %\. Next: \d, .* %\. The"))
    page.get_by_label("Show where the model looks").check()
    expect(page.locator("#looked")).to_have_text(re.compile(r"^Orange: .* less probable, by up to"))
    draw(page, [(0.5, 0.5), (1, 0.5)], 8)
    at_rest(page)
    changed = pixels(page) != np.asarray(samples[1]["input"][0])
    assert changed.any()
    assert not changed[2:].any()  # strokes over a picture stay where they were drawn


def test_points_are_answered_where_one_points(open_page: OpenPage, moons_url: str) -> None:
    page = open_page(moons_url)
    plotted(page)
    (left, right), (low, high) = page.request.get(f"{moons_url}/api/model").json()["range"]
    plot = page.get_by_role("application", name="Decision surface")
    box = plot.bounding_box()
    assert box
    plot.click(position={"x": box["width"] / 4, "y": box["height"] / 4})
    point = [left + (right - left) / 4, high - (high - low) / 4]
    fields = [page.get_by_label(re.compile(f"^x{axis},")) for axis in (1, 2)]
    at_rest(page)
    for field, value in zip(fields, point, strict=True):
        assert float(field.input_value()) == pytest.approx(value, abs=0.02)
    label, confidence = ask(page, moons_url, [float(field.input_value()) for field in fields])
    expect(page.locator("#label")).to_have_text(label)
    shown = page.locator("#confidence").inner_text()
    assert float(shown.removesuffix(" %")) == pytest.approx(100 * confidence, abs=1)
    before = float(fields[0].input_value())
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert float(fields[0].input_value()) == pytest.approx(before + 0.11 * (right - left), rel=1e-2)
    legend = page.locator("#legend li").all_inner_texts()
    assert [text.partition(":")[0] for text in legend] == ["0", "1"]


def test_a_point_is_typed_or_taken_from_a_sample(open_page: OpenPage, moons_url: str) -> None:
    page = open_page(moons_url)
    plotted(page)
    sample = page.request.get(f"{moons_url}/api/samples").json()["samples"][0]
    page.get_by_label("Start from a test sample").select_option("0")
    expect(page.locator("#truth")).to_contain_text(f"label is {sample['label']}: right.")
    page.get_by_label(re.compile("^x1,")).fill("9")
    expect(page.locator("#truth")).to_be_empty()
    label, _ = ask(page, moons_url, [9, sample["input"][1]])
    expect(page.locator("#label")).to_have_text(label)


def test_a_regression_shows_its_value_along_the_line(open_page: OpenPage, curve_url: str) -> None:
    page = open_page(curve_url)
    plotted(page)
    page.get_by_label(re.compile("^x1,")).fill("0.25")
    at_rest(page)
    value = page.request.post(f"{curve_url}/api/predict", data={"inputs": [[0.25]]}).json()
    shown = float(page.locator("#label").inner_text())
    assert shown == pytest.approx(value["predictions"][0]["value"][0], rel=1e-3)
    expect(page.locator("#errors")).to_have_text(re.compile(r"off by 0\.\d+"))


def read_test_digits(run: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (N, H, W) and labels of a run's test set."""
    from mlp_lab.data import Digits

    with np.load(run / "test_outputs.npz") as outputs:
        indices, labels = outputs["indices"], outputs["labels"]
    images = Digits().load(run, download=False)["train"].inputs[indices, 0]
    return images.numpy(), labels
