"""A browser, and models that are served to it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.helpers.processes import finish, started, wait_for
from tests.helpers.small_table import words_of, write_small_table

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
            expected: str = "no message",
            has_touch: bool = False,
        ) -> Page:
            context = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
                reduced_motion="reduce",
                has_touch=has_touch,
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
            page.goto(url)
            page.locator("main").wait_for()
            return page

        yield open_page
    assert problems == []


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


@pytest.fixture(scope="package")
def fit_arrays(
    fit: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Train on arrays, whose targets are numbers if they are no integers, and return the run."""

    def fit_arrays(x: NDArray[Any], y: NDArray[Any], *words: str, **more: NDArray[Any]) -> Path:
        path = tmp_path_factory.mktemp("arrays") / "arrays.npz"
        np.savez(path, allow_pickle=False, x_train=x, y_train=y, **more)
        source = ["--data.source=TensorFile", f"--data.source.path={path}"]
        if y.dtype.kind == "f":
            source += ["--data.source.targets=numbers", "--model=RegressionTask"]
        return fit("base.yaml", *source, "--trainer.max_epochs=3", *words)

    return fit_arrays


@pytest.fixture(scope="package")
def table(fit: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_small_table(tmp_path_factory.mktemp("table") / "small.csv")
    path.write_text(path.read_text().replace(",small,", ",<b>small</b>,"))
    return fit("base.yaml", *words_of(path, "kind"), "--trainer.max_epochs=5")


@pytest.fixture(scope="package")
def table_url(table: Path, serve: Callable[[Path], str]) -> str:
    return serve(table)


@pytest.fixture(scope="package")
def colours(fit_arrays: Callable[..., Path]) -> Path:
    """Squares of one of three colours on noise."""
    draws = np.random.default_rng(0)
    y = draws.integers(0, 3, 300)
    x = draws.integers(100, 200, (300, 3, 12, 16), np.uint8)
    for image, colour, (top, left) in zip(x, y, draws.integers(0, 8, (300, 2)), strict=True):
        image[:, top : top + 5, left : left + 5] = 0
        image[colour, top : top + 5, left : left + 5] = 255
    names = np.array(["red", "green", "blue"])
    return fit_arrays(x, y, "--model.net=CNN", "--model.net.channels=[8]", classes=names)


@pytest.fixture(scope="package")
def colours_url(colours: Path, serve: Callable[[Path], str]) -> str:
    return serve(colours)


@pytest.fixture(scope="package")
def many_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Thirty classes around a circle."""
    draws = np.random.default_rng(0)
    y = draws.integers(0, 30, 1200)
    x = np.stack([np.cos(np.pi * y / 15), np.sin(np.pi * y / 15)], 1)
    x = (x + 0.02 * draws.normal(size=x.shape)).astype(np.float32)
    names = np.array([f"class {place}" for place in range(30)])
    return serve(fit_arrays(x, y, "--trainer.max_epochs=10", classes=names))


@pytest.fixture(scope="package")
def plane_values_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Three values of different size at each point of the plane."""
    x = np.random.default_rng(0).uniform(-2, 3, (300, 2)).astype(np.float32)
    return serve(fit_arrays(x, np.stack([x[:, 0], 100 * x[:, 1], x[:, 0] * x[:, 1]], 1)))


@pytest.fixture(scope="package")
def line_values_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Two values of different size at each point of the line."""
    x = np.random.default_rng(0).uniform(10, 20, (300, 1)).astype(np.float32)
    return serve(fit_arrays(x, np.concatenate([x**2, -x], 1), "--trainer.max_epochs=30"))


@pytest.fixture(scope="package")
def line_classes_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Three stretches of the line."""
    x = np.random.default_rng(0).uniform(0, 9, (300, 1)).astype(np.float32)
    names = np.array(["low", "middle", "high"])
    return serve(fit_arrays(x, (x[:, 0] // 3).astype(int), classes=names))


@pytest.fixture(scope="package")
def five_numbers_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Two values of five numbers."""
    x = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    return serve(fit_arrays(x, 10 * x[:, :2]))


@pytest.fixture(scope="package")
def brightness_url(fit_arrays: Callable[..., Path], serve: Callable[[Path], str]) -> str:
    """Mean of a grey image."""
    x = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), np.uint8)
    return serve(fit_arrays(x, x.mean((1, 2, 3), dtype=np.float32)))
