"""A browser, and models that are served to it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, sync_playwright

from tests.helpers.processes import finish, started, wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CONFIGS = Path(__file__).parents[2] / "configs"

OpenPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("There is no Chromium on the path.")
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, whom containers run as.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open pages, each as a new visitor; none may print to the console or ask another host."""
    problems: list[str] = []
    with ExitStack() as stack:

        def open_page(
            url: str,
            scheme: Literal["light", "dark"] = "light",
            width: int = 1200,
            answers: Mapping[str, Any] | None = None,
            expected: str = "no message",
        ) -> Page:
            context = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
                reduced_motion="reduce",
            )
            stack.callback(context.close)
            page = context.new_page()

            def note_console(message: ConsoleMessage) -> None:
                if expected not in message.text:
                    problems.append(f"console: {message.text}")

            def note_request(request: Request) -> None:
                if urlsplit(request.url).netloc != urlsplit(url).netloc:
                    problems.append(f"request: {request.url}")

            page.on("console", note_console)
            page.on("pageerror", lambda error: problems.append(f"error: {error}"))
            page.on("request", note_request)
            for path, answer in (answers or {}).items():
                page.route(f"{url}/api/{path}", partial(_fulfill, answer))
            page.goto(url)
            page.locator("main").wait_for()
            return page

        yield open_page
    assert problems == []


def _fulfill(answer: Any, route: Route) -> None:
    route.fulfill(json=answer)


@pytest.fixture(scope="package")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """Serve models, each under an address of its own."""
    with ExitStack() as stack:

        def serve(model: Path) -> str:
            directory = tmp_path_factory.mktemp("serve")
            process = stack.enter_context(started("serve", str(model), "--port=0", cwd=directory))
            out = directory / "out.txt"
            wait_for(lambda: out.exists() and "; Ctrl-C" in out.read_text(), process.is_alive)
            return out.read_text().partition(" at ")[2].partition(";")[0]

        yield serve


@pytest.fixture(scope="package")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train by a configuration, without figures, and return the run."""

    def fit(config: str, *words: str) -> Path:
        directory = tmp_path_factory.mktemp("fit")
        flags = [f"--config={CONFIGS / config}", "--figures=false", "--experiment=run", *words]
        assert finish("fit", *flags, cwd=directory) == 0
        return directory / "runs" / "run" / "version_0"

    return fit


@pytest.fixture(scope="package")
def digits(fit: Callable[..., Path]) -> Path:
    return fit("quickstart.yaml")


@pytest.fixture(scope="package")
def digits_url(digits: Path, serve: Callable[[Path], str]) -> str:
    return serve(digits)


@pytest.fixture(scope="package")
def moons_url(fit: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    return serve(fit("recipe/moons_binary.yaml"))


@pytest.fixture(scope="package")
def curve_url(fit: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    return serve(fit("recipe/sigmoid_curve.yaml", "--trainer.max_epochs=50"))
