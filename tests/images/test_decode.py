"""One image file as bytes: every mode, sizes, and what is wrong with a file that is refused."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.images import decode_image, read_image_shape, refusing_bombs


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, [255]),
        ("L", 70, [70]),
        ("LA", (70, 3), [70]),
        ("I;16", 70 * 256 + 9, [70]),
        ("P", 7, [10, 20, 30]),
        ("RGB", (10, 20, 30), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), [10, 20, 30]),
        ("CMYK", (245, 235, 225, 0), [10, 20, 30]),
    ],
)
def test_modes(tmp_path: Path, mode: str, value: Any, expected: list[int]) -> None:
    path = tmp_path / ("x.tiff" if mode == "CMYK" else "x.png")
    image = Image.new(mode, (4, 3), value)
    if mode == "P":
        image.putpalette([*range(21), 10, 20, 30])
    image.save(path)
    shape = read_image_shape(path)
    assert shape == (len(expected), 3, 4)
    assert decode_image(path, shape)[:, 2, 3].tolist() == expected


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (50, 200)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert decode_image(tmp_path / "x.gif", (1, 4, 4)).max() == 50


def test_pixels_keep_their_places_channels_first(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(
        decode_image(tmp_path / "x.png", (3, 2, 3)), pixels.transpose(2, 0, 1)
    )


def test_colours_become_grey_and_grey_becomes_colours(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "red.png")
    assert decode_image(tmp_path / "red.png", (1, 2, 2)).tolist() == [[[76, 76], [76, 76]]]
    Image.new("L", (2, 2), 9).save(tmp_path / "grey.png")
    assert decode_image(tmp_path / "grey.png", (3, 2, 2)).tolist() == [[[9, 9], [9, 9]]] * 3


def test_another_size_is_resized_or_refused(tmp_path: Path) -> None:
    Image.new("L", (4, 6), 80).save(tmp_path / "x.png")
    resized = decode_image(tmp_path / "x.png", (1, 3, 5))
    assert resized.shape == (1, 3, 5)
    assert (resized == 80).all()
    with pytest.raises(ConfigError, match=r"x.png' has 6 x 4 pixels, and others 3 x 5. Set --data"):
        decode_image(tmp_path / "x.png", (1, 3, 5), resize=False)


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)).save(
        tmp_path / "torn.png"
    )
    whole = (tmp_path / "torn.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "folder.png").mkdir()
    for name, message in (
        ("torn.png", r"The image '.*torn.png' is broken: "),
        ("text.png", r"text.png' is no image"),
        ("folder.png", r"folder.png' is no file"),
        ("none.png", r"The image '.*none.png' cannot be read: .*No such file"),
    ):
        with pytest.raises(ChecksumError, match=message):
            decode_image(tmp_path / name, (3, 9, 9))


def test_bombs_are_refused_within_the_block_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (5, 6)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # Pillow itself refuses twice as many
    with refusing_bombs(), pytest.raises(ChecksumError, match="too many pixels to be trusted"):
        read_image_shape(tmp_path / "x.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_image_shape(tmp_path / "x.png") == (1, 6, 5)
    assert [w.category for w in caught] == [Image.DecompressionBombWarning]


def test_formats_of_other_suffixes_are_no_images(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for content in (b"P5 2 2 255\n0000", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        path.write_bytes(content)
        with pytest.raises(ChecksumError, match="is no image"):
            decode_image(path, (1, 2, 2))


def test_bytes_are_decoded_under_a_name_and_a_bound() -> None:
    file = io.BytesIO()
    Image.new("L", (3, 2), 7).save(file, "PNG")
    assert decode_image(file, (1, 2, 3), max_pixels=6).tolist() == [[[7] * 3] * 2]
    with pytest.raises(ConfigError, match=r"'upload' has 2 x 3 pixels; at most 5 are decoded"):
        decode_image(file, (1, 2, 3), name="upload", max_pixels=5)
