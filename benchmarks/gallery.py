"""Train what the README shows, and draw it in light and dark.

    .venv/bin/python benchmarks/gallery.py --data-root data

The pages are screenshots by a headless Chromium.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "docs" / "figures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1200, 900  # of a page's picture
TABLE_HEIGHT = 1130  # of a report with figures of a table below the results
SHOWN_WIDTH = 900

# A line to the right and up, half a round, and a hook.
TSU = [
    *((0.12 + 0.05 * i, 0.36 - 0.1 * math.sin(math.pi * i / 20)) for i in range(11)),
    *((0.6 + 0.25 * math.sin(t / 14), 0.47 - 0.21 * math.cos(t / 14)) for t in range(2, 46)),
    (0.42, 0.76),
]

# What `hue-rotate(180deg)` of CSS multiplies colours with.
HALF_TURN = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])


def main() -> None:
    """Train, draw and take pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="holds KMNIST/raw")
    parser.add_argument("--table", type=Path, default=Path("data/housing.csv"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        runs = Path(directory) / "runs"
        data = [f"--data.root={arguments.data_root.absolute()}"]
        fit(runs, "moons_binary")
        for name in ("kmnist_base", "kmnist_wide", "kmnist_augmented"):
            words = ["--seeds=0,1,2", f"--experiment={name}", f"--runs_dir={runs}"]
            call("sweep", f"--config=configs/recipe/{name}.yaml", *words, *data)
        fit(runs, "kmnist_base", *data)
        fit(runs, "housing_best", f"--data.source.path={arguments.table.absolute()}")
        moons, kmnist = runs / "moons_binary" / "version_0", runs / "kmnist_base" / "version_3"
        hide_place(runs, arguments.data_root.absolute())
        for shown in (kmnist, runs):
            call("report", str(shown))
        in_light_and_dark(moons / "plots" / "surface.png", "surface")
        in_light_and_dark(kmnist / "plots" / "confusion.png", "confusion")
        take_pictures(kmnist / "report.html", "report")
        take_pictures(runs / "housing_best" / "version_0" / "report.html", "table", TABLE_HEIGHT)
        take_pictures(runs / "report.html", "comparison")
        draw_on_page(kmnist)
        shutil.copy(kmnist / "plots" / "weights.png", FIGURES / "gallery_weights.png")


def fit(runs: Path, recipe: str, *words: str) -> None:
    """Fit a recipe."""
    call("fit", f"--config=configs/recipe/{recipe}.yaml", f"--runs_dir={runs}", *words)


def call(*words: str) -> None:
    """Run mlp-lab."""
    subprocess.run([sys.executable, "-m", "mlp_lab", *words], check=True, cwd=ROOT)


def hide_place(runs: Path, data_root: Path) -> None:
    """Let the reports of runs tell of ``data``, wherever on this machine the data lie."""
    for manifest in runs.rglob("manifest.json"):
        manifest.write_text(manifest.read_text().replace(str(data_root), "data"))


def in_light_and_dark(figure: Path, name: str) -> None:
    """Copy a figure, and the same as a page in dark mode shows it."""
    image = Image.open(figure).convert("RGB")
    pixels = np.asarray(image) / 255
    dark = np.clip((1 - pixels) @ HALF_TURN.T, 0, 1)
    image.save(FIGURES / f"gallery_{name}_light.png", optimize=True)
    turned = Image.fromarray((dark * 255).round().astype(np.uint8))
    turned.save(FIGURES / f"gallery_{name}_dark.png", optimize=True)


def take_pictures(page: Path, name: str, height: int = HEIGHT) -> None:
    """Take a picture of the top of a page, in light and dark."""
    for number, mode in enumerate(("dark", "light")):
        path = FIGURES / f"gallery_{name}_{mode}.png"
        scheme = f"--blink-settings=preferredColorScheme={number}"
        window = f"--window-size={WIDTH},{height}"
        browse(scheme, window, "--hide-scrollbars", f"--screenshot={path}", page.as_uri())
        shrink(path)


def draw_on_page(run: Path) -> None:
    """Serve a model, draw the hiragana tsu on its page, and take a picture in light and dark."""
    root = run.parents[2]
    command = [sys.executable, "-m", "mlp_lab", "serve", str(run.relative_to(root)), "--port=0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as service,
        sync_playwright() as playwright,
    ):
        assert service.stdout
        url = service.stdout.readline().partition(" at ")[2].partition(";")[0]
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for mode in ("light", "dark"):
            size: ViewportSize = {"width": WIDTH, "height": HEIGHT}
            page = browser.new_page(viewport=size, color_scheme=mode, reduced_motion="reduce")
            page.goto(url)
            draw(page, TSU)
            page.get_by_label("Show where the model looks").check()
            expect(page.locator("#looked")).not_to_be_empty()
            path = FIGURES / f"gallery_serve_{mode}.png"
            page.screenshot(path=path)
            shrink(path)
        service.terminate()


def draw(page: Page, stroke: Sequence[tuple[float, float]]) -> None:
    """Draw points (x, y), from 0 to 1, on the pad."""
    pad = page.locator("#pad").bounding_box()
    assert pad
    for place, (x, y) in enumerate(stroke):
        page.mouse.move(pad["x"] + x * pad["width"], pad["y"] + y * pad["height"])
        if place == 0:
            page.mouse.down()
    page.mouse.up()


def shrink(path: Path) -> None:
    """Make a picture as small as it is shown."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((SHOWN_WIDTH, SHOWN_WIDTH))
    image.quantize(128).save(path, optimize=True)


def browse(*words: str) -> None:
    """Run Chromium without a window."""
    command: Sequence[str] = [find_browser(), "--headless", "--no-sandbox", *words]
    subprocess.run(command, check=True, env=os.environ, capture_output=True)


def find_browser() -> str:
    """Return the path of Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"Pictures of pages need one of {', '.join(BROWSERS)} on the path.")
    return browser


if __name__ == "__main__":
    main()
