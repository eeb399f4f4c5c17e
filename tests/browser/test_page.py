"""The page of mlp-lab serve, in a browser."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.strokes import trace_strokes

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THIN_PEN = 0.4  # of the training images' strokes
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (360, 1200, 1600)]

TITANIC: dict[str, Any] = {
    "name": "titanic.onnx",
    "run": "",
    "task": "binary",
    "kind": "table",
    "input": {"shape": [4], "type": "float32", "layout": "ND, float32"},
    "classes": ["<b>lost</b>", "saved"],
    "num_outputs": 1,
    "metrics": {"test/acc": 0.8},
    "mlp_lab": "0.2.0",
    "sha256": "0" * 64,
    "data": None,
    "dark_background": None,
    "framing": None,
    "samples": 1,
    "range": None,
    "columns": [
        {"name": "age", "kind": "numeric"},
        {"name": "alone", "kind": "boolean"},
        {"name": "port", "kind": "categorical", "categories": ["Cobh", "Cherbourg"]},
    ],
    "limits": {"megabytes": 32, "inputs": 4096},
    "changed_on_disk": True,
}


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
    open_page: OpenPage, digits: Path, digits_url: str, way: str
) -> None:
    page = open_page(digits_url)
    images, labels = read_test_digits(digits)
    file: FilePayload = {"name": "../a.png", "mimeType": "image/png", "buffer": to_png(images[0])}
    if way == "choose":
        page.get_by_label("An image file").set_input_files([file])
    else:
        page.evaluate(
            """([way, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
                const given = {bubbles: true, dataTransfer: data, clipboardData: data};
                const kind = way === "drop" ? DragEvent : ClipboardEvent;
                document.body.dispatchEvent(new kind(way, given));
            }""",
            [way, list(to_png(images[0]))],
        )
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
    at_rest(page)
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
    at_rest(page)
    sample = page.request.get(f"{moons_url}/api/samples").json()["samples"][0]
    page.get_by_label("Start from a test sample").select_option("0")
    expect(page.locator("#truth")).to_contain_text(f"label is {sample['label']}: right.")
    page.get_by_label(re.compile("^x1,")).fill("9")
    expect(page.locator("#truth")).to_be_empty()
    label, _ = ask(page, moons_url, [9, sample["input"][1]])
    expect(page.locator("#label")).to_have_text(label)


def test_a_regression_shows_its_value_along_the_line(open_page: OpenPage, curve_url: str) -> None:
    page = open_page(curve_url)
    at_rest(page)
    page.get_by_label(re.compile("^x1,")).fill("0.25")
    at_rest(page)
    value = page.request.post(f"{curve_url}/api/predict", data={"inputs": [[0.25]]}).json()
    shown = float(page.locator("#label").inner_text())
    assert shown == pytest.approx(value["predictions"][0]["value"][0], rel=1e-3)
    expect(page.locator("#errors")).to_have_text(re.compile(r"off by 0\.\d+"))


def test_a_form_is_made_of_the_columns_and_nothing_means_missing(
    open_page: OpenPage, digits_url: str
) -> None:
    sample = {"age": 30, "alone": False, "port": "Cobh"}
    page = open_table(open_page, digits_url, sample)
    page.get_by_label("port").select_option("Cherbourg")
    with asked(page, {"rows": [{"age": 22.5, "alone": None, "port": "Cherbourg"}]}):
        page.get_by_label("age").fill("22.5")
    expect(page.locator("#label")).to_have_text("<b>lost</b>")
    with asked(page, {"rows": [sample]}):
        page.get_by_label("Start from a test sample").select_option("0")
    expect(page.get_by_label("alone")).to_have_value("false")
    with asked(page, {"rows": [dict.fromkeys(sample)]}):
        page.get_by_role("button", name="Clear").click()
    expect(page.locator("#changed")).to_be_visible()


def test_numbers_are_typed_and_counted(open_page: OpenPage, digits_url: str) -> None:
    card = {**TITANIC, "kind": "features", "changed_on_disk": False}
    prediction = {"label": "saved", "confidence": 0.75, "probabilities": [0.25, 0.75]}
    answers = {"model": card, "samples": {"samples": []}, "predict": {"predictions": [prediction]}}
    page = open_page(digits_url, answers=answers)
    field = page.get_by_label("The 4 numbers of one input")
    field.fill("1, 2; 3")
    expect(page.get_by_role("alert")).to_have_text("The model takes 4 numbers; there are 3.")
    field.fill("1, 2; 3 x")
    expect(page.get_by_role("alert")).to_have_text("“x” is no number.")
    with asked(page, {"inputs": [[1, 2, 3, -0.4]]}):
        field.fill("1, 2; 3\n-4e-1")
    expect(page.locator("#label")).to_have_text("saved")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("view", ["digits", "moons", "curve", "table"])
def test_each_view_fits_the_window_and_axe_finds_nothing(
    open_page: OpenPage, request: pytest.FixtureRequest, view: str, scheme: str, width: int
) -> None:
    if view == "table":
        url = request.getfixturevalue("digits_url")
        page = open_table(open_page, url, {"age": 30}, scheme=scheme, width=width)
    else:
        page = open_page(request.getfixturevalue(f"{view}_url"), scheme=scheme, width=width)
    if view == "digits":
        draw(page, [(4, 1), (4, 7)], 8)
        page.get_by_label("Show where the model looks").check()
        expect(page.locator("#looked")).not_to_be_empty()
    at_rest(page)
    page.get_by_text("Where it comes from").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], found["nodes"][0]["html"]) for found in violations] == []


@contextmanager
def asked(page: Page, content: dict[str, Any]) -> Iterator[None]:
    """Wait until the service is asked for something."""
    with page.expect_request(
        lambda request: request.url.endswith("/predict") and request.post_data_json == content
    ):
        yield


def open_table(open_page: OpenPage, url: str, row: dict[str, Any], **settings: Any) -> Page:
    """Open the page of a model of tables, whose answers are made up."""
    probabilities = [0.8, 0.2]
    prediction = {"label": "<b>lost</b>", "confidence": 0.8, "probabilities": probabilities}
    sample = {"index": 7, "label": "saved", "input": row}
    answers = {
        "model": TITANIC,
        "samples": {"samples": [sample]},
        "predict": {"predictions": [prediction]},
    }
    return open_page(url, answers=answers, **settings)


def draw(page: Page, stroke: list[tuple[float, float]], size: int) -> None:
    """Draw points (x, y) in pixels of the net's input, which is as high as wide."""
    page.locator("#pad").scroll_into_view_if_needed()
    pad = page.locator("#pad").bounding_box()
    assert pad
    scale = pad["width"] / size
    (x, y), *rest = [(pad["x"] + x * scale, pad["y"] + y * scale) for x, y in stroke]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y)
    page.mouse.up()


def at_rest(page: Page) -> str:
    """Return the label once no answer is on its way."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    return page.locator("#label").inner_text()


def bars(page: Page) -> dict[str, float]:
    """Return the percentages of the classes."""
    at_rest(page)
    rows = [text.split() for text in page.locator("#bars tbody tr").all_inner_texts()]
    return {name: float(number) for name, number, _ in rows}


def pixels(page: Page) -> NDArray[np.int64]:
    """Return the grey levels of the picture as the net sees it."""
    values = page.evaluate(
        """() => {
            const {width, height} = document.getElementById("seen");
            const context = new OffscreenCanvas(width, height).getContext("2d");
            context.drawImage(document.getElementById("seen"), 0, 0);
            const {data} = context.getImageData(0, 0, width, height);
            return Array.from({length: height}, (_, y) =>
                Array.from({length: width}, (_, x) => data[4 * (y * width + x)]));
        }"""
    )
    return np.asarray(values)


def ask(page: Page, url: str, inputs: list[float]) -> tuple[str, float]:
    """Return label and confidence that the service answers."""
    answer = page.request.post(f"{url}/api/predict", data={"inputs": [inputs]}).json()
    prediction = answer["predictions"][0]
    return prediction["label"], prediction["confidence"]


def read_test_digits(run: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images (N, H, W) and labels of a run's test set."""
    from mlp_lab.data import Digits

    with np.load(run / "test_outputs.npz") as outputs:
        indices, labels = outputs["indices"], outputs["labels"]
    images = Digits().load(run, download=False)["train"].inputs[indices, 0]
    return images.numpy(), labels


def to_png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()
