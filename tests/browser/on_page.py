"""What a visitor does on the page, and reads there."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect


@contextmanager
def asked(page: Page, content: dict[str, Any]) -> Iterator[None]:
    """Wait until the service is asked for something."""
    with page.expect_request(
        lambda request: request.url.endswith("/predict") and request.post_data_json == content
    ):
        yield


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


def plotted(page: Page) -> None:
    """Wait until there is a plot, and the answer at its first point."""
    page.locator("#marks .point").wait_for(state="attached")


def bars(page: Page) -> dict[str, float]:
    """Return the percentages of the classes, in the order of the rows."""
    at_rest(page)
    rows = [text.split("\t") for text in page.locator("#bars tbody tr").all_inner_texts()]
    return {name: float(share.removesuffix(" %")) for name, share in rows}


def pixels(page: Page) -> NDArray[np.int64]:
    """Return the grey levels of the picture as the net sees it, ``(H, W)``."""
    return read_canvas(page, "#seen")[..., 0]


def read_canvas(page: Page, canvas: str) -> NDArray[np.int64]:
    """Return red, green, blue and opacity of a canvas, ``(H, W, 4)``."""
    height, width, values = page.locator(canvas).evaluate(
        """(canvas) => {
            const {width, height} = canvas;
            const context = new OffscreenCanvas(width, height).getContext("2d");
            context.drawImage(canvas, 0, 0);
            return [height, width, [...context.getImageData(0, 0, width, height).data]];
        }"""
    )
    return np.asarray(values).reshape(height, width, 4)


def drop_or_paste(page: Page, way: Literal["drop", "paste"], png: bytes) -> None:
    """Drop an image file on the page, or paste it."""
    page.evaluate(
        """([way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
            const given = {bubbles: true, dataTransfer: data, clipboardData: data};
            const kind = way === "drop" ? DragEvent : ClipboardEvent;
            document.body.dispatchEvent(new kind(way, given));
        }""",
        [way, list(png)],
    )


def ask(page: Page, url: str, inputs: list[float]) -> tuple[str, float]:
    """Return label and confidence that the service answers."""
    answer = page.request.post(f"{url}/api/predict", data={"inputs": [inputs]}).json()
    prediction = answer["predictions"][0]
    return prediction["label"], prediction["confidence"]


def to_png(image: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()
