"""The page of mlp-lab serve under fingers."""

import re

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.on_page import at_rest, plotted
from tests.helpers.processes import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Finger = tuple[float, float]


def test_a_finger_draws_on_the_pad_and_scrolls_beside_it(
    open_page: OpenPage, digits_url: str
) -> None:
    page = open_page(digits_url, width=360, has_touch=True)
    fingers = page.context.new_cdp_session(page)
    left, top, side = box_of(page, "#pad")
    x, y = left + side / 2, top + 0.9 * side
    swipe(fingers, [(x, y - step * side / 10) for step in range(9)])
    expect(page.locator("#label")).to_have_text(re.compile(r"^\d$"))
    assert at_rest(page)
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Control+z")  # the swipe was one stroke
    expect(page.locator("#label")).to_have_text("—")
    _, title, _ = box_of(page, "#answer-title")
    swipe(fingers, [(x, title - 30 * step) for step in range(10)])
    wait_for(lambda: page.evaluate("scrollY") > 100)
    expect(page.locator("#label")).to_have_text("—")


def test_a_second_finger_neither_draws_nor_moves_the_point(
    open_page: OpenPage, digits_url: str, moons_url: str
) -> None:
    page = open_page(digits_url, width=360, has_touch=True)
    fingers = page.context.new_cdp_session(page)
    left, top, side = box_of(page, "#pad")
    touch(fingers, "touchStart", (left + 20, top + 20))
    touch(fingers, "touchStart", (left + 20, top + 20), (left + side - 20, top + 20))
    touch(fingers, "touchMove", (left + 20, top + 20), (left + side - 20, top + side - 20))
    touch(fingers, "touchEnd")
    at_rest(page)
    page.keyboard.press("Control+z")
    expect(page.locator("#label")).to_have_text("—")
    page = open_page(moons_url, width=360, has_touch=True)
    plotted(page)
    fingers = page.context.new_cdp_session(page)
    left, top, side = box_of(page, "#plot")
    touch(fingers, "touchStart", (left + side / 2, top + side / 4))
    point = page.get_by_label(re.compile("^x1,")).input_value()
    touch(fingers, "touchStart", (left + side / 2, top + side / 4), (left + 20, top + side - 20))
    touch(fingers, "touchEnd")
    at_rest(page)
    assert page.get_by_label(re.compile("^x1,")).input_value() == point
    assert page.evaluate("scrollY") == 0


def box_of(page: Page, element: str) -> tuple[float, float, float]:
    """Return left edge, upper edge and width of an element."""
    box = page.locator(element).bounding_box()
    assert box
    return box["x"], box["y"], box["width"]


def swipe(fingers: CDPSession, places: list[Finger]) -> None:
    """Move a finger over places, and lift it."""
    touch(fingers, "touchStart", places[0])
    for place in places[1:]:
        touch(fingers, "touchMove", place)
    touch(fingers, "touchEnd")


def touch(fingers: CDPSession, kind: str, *places: Finger) -> None:
    points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
    fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
