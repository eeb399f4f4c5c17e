"""The forms of the page of mlp-lab serve: rows of a table, and plain numbers."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Page, expect

from mlp_lab.inference import Predictor
from tests.browser.conftest import OpenPage
from tests.browser.on_page import asked, bars

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_row_that_is_filled_in_is_answered_as_by_the_python_interface(
    open_page: OpenPage, table: Path, table_url: str
) -> None:
    page = open_page(table_url)
    expect(page.locator("#name")).to_have_text("run/version_0")
    row: dict[str, Any] = {"size": None, "noise": None, "wet": None, "colour": None}
    assert bars(page) == pytest.approx(expected_bars(table, row), abs=0.06)  # all are missing
    row |= {"size": 1.5, "noise": -0.25, "wet": True, "colour": "red"}
    with asked(page, {"rows": [row]}):
        fill(page, {"size": "1.5", "noise": "-0.25", "wet": "yes", "colour": "red"})
    complete = bars(page)
    assert complete == pytest.approx(expected_bars(table, row), abs=0.06)
    with asked(page, {"rows": [row | {"size": None, "wet": False}]}):
        fill(page, {"size": "", "wet": "no"})
    found = bars(page)
    assert found == pytest.approx(
        expected_bars(table, row | {"size": None, "wet": False}), abs=0.06
    )
    assert found != complete
    with asked(page, {"rows": [row | {"colour": "other"}]}):
        fill(page, {"size": "1.5", "wet": "yes", "colour": "other"})
    unseen = expected_bars(table, row | {"colour": "never seen"})
    assert bars(page) == pytest.approx(unseen, abs=0.06)
    assert set(unseen) == {
        "large",
        "<b>small</b>",
    }  # a class's name is text, whatever it looks like


def test_a_sample_of_a_table_fills_the_form_and_clear_empties_it(
    open_page: OpenPage, table: Path, table_url: str
) -> None:
    page = open_page(table_url)
    samples = page.request.get(f"{table_url}/api/samples").json()["samples"]
    place = next(n for n, sample in enumerate(samples) if None in sample["input"].values())
    row = samples[place]["input"]
    with asked(page, {"rows": [row]}):
        page.get_by_label("Start from a test sample").select_option(str(place))
    assert bars(page) == pytest.approx(expected_bars(table, row), abs=0.06)
    expect(page.locator("#truth")).to_contain_text(f"label is {samples[place]['label']}: ")
    with asked(page, {"rows": [dict.fromkeys(row)]}):
        page.get_by_role("button", name="Clear").click()
    expect(page.locator("#truth")).to_be_empty()
    expect(page.get_by_label("size")).to_be_empty()


def test_a_page_says_that_the_file_has_changed(
    open_page: OpenPage, table: Path, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    model = Path(shutil.copy(table / "model.onnx", tmp_path))
    page = open_page(serve(model))
    expect(page.locator("#name")).to_have_text("model.onnx")
    expect(page.locator("#changed")).to_be_hidden()
    model.write_bytes(model.read_bytes() + b"\0")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#changed")).to_be_visible()


def test_numbers_are_typed_and_counted(open_page: OpenPage, five_numbers_url: str) -> None:
    page = open_page(five_numbers_url)
    field = page.get_by_label("The 5 numbers of one input")
    field.fill("1, 2; 3")
    expect(page.get_by_role("alert")).to_have_text("The model takes 5 numbers; there are 3.")
    field.fill("1, 2; 3 4 x")
    expect(page.get_by_role("alert")).to_have_text("“x” is no number.")
    numbers = [1, 2, 3, -0.4, 5]
    with asked(page, {"inputs": [numbers]}):
        field.fill("1, 2; 3\n-4e-1\t5")
    expect(page.locator("#label")).to_have_text("2 values")
    expect(page.get_by_role("alert")).to_be_hidden()
    answer = page.request.post(f"{five_numbers_url}/api/predict", data={"inputs": [numbers]})
    values = answer.json()["predictions"][0]["value"]
    rows = [text.split() for text in page.locator("#bars tbody tr").all_inner_texts()]
    assert [name for name, _ in rows] == ["0", "1"]
    assert [float(number) for _, number in rows] == pytest.approx(values, rel=1e-3)
    expect(page.locator("#what")).to_contain_text("Predicts 2 values from 5 numbers.")


def fill(page: Page, fields: dict[str, str]) -> None:
    """Fill fields in, or choose in them."""
    for name, text in fields.items():
        field = page.get_by_label(name)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label=text)
        else:
            field.fill(text)


def expected_bars(run: Path, row: dict[str, Any]) -> dict[str, float]:
    """Return the percentages of the classes by the Python interface."""
    predictor = Predictor(run)
    (probabilities,) = predictor.predict(pl.DataFrame([row]))
    return dict(zip(predictor.info.class_names, (100 * probabilities).tolist(), strict=True))
