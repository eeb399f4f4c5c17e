"""Every view of the page of mlp-lab serve, on a telephone and on a screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.on_page import at_rest, draw, plotted

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (360, 1200, 1600)]
VIEWS = [(view, *look) for view in ("digits", "moons", "curve", "table") for look in LOOKS]
MORE = ("colours", "many", "plane_values", "line_values", "line_classes", "brightness")
VIEWS += [(view, *look) for view in MORE for look in (("light", 360), ("dark", 1200))]


@pytest.mark.parametrize(("view", "scheme", "width"), VIEWS)
def test_each_view_fits_the_window_and_axe_finds_nothing(
    open_page: OpenPage, request: pytest.FixtureRequest, view: str, scheme: str, width: int
) -> None:
    page = open_page(request.getfixturevalue(f"{view}_url"), scheme=scheme, width=width)
    if view == "digits":
        draw(page, [(4, 1), (4, 7)], 8)
    if view == "brightness":
        page.get_by_role("radio").first.focus()
        page.keyboard.press("Space")
    if view in ("digits", "colours", "brightness"):
        page.get_by_label("Show where the model looks").check()
        expect(page.locator("#looked")).not_to_be_empty()
    at_rest(page)
    if page.locator("#plot").count():
        plotted(page)
    page.get_by_text("Where it comes from").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], found["nodes"][0]["html"]) for found in violations] == []
