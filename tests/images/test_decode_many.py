"""Images stream in order, in memory that does not grow with their number."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlp_lab.errors import ChecksumError
from mlp_lab.images import stream_images


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:02}.png" for number in range(53)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((4, 5), number, np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("batch_size", [1, 2, 5, 26, 53, 1000])
def test_every_image_comes_once_and_in_order(files: list[Path], batch_size: int) -> None:
    seen = []
    for batch in stream_images(files, (1, 4, 5), batch_size):
        assert 0 < len(batch) <= batch_size
        assert (batch == batch[:, :, :1, :1]).all()
        seen += batch[:, 0, 0, 0].tolist()
    assert seen == list(range(53))


def test_a_broken_image_is_named(files: list[Path]) -> None:
    files[40].write_text("no image")
    with pytest.raises(ChecksumError, match=r"40\.png' is no image"):
        list(stream_images(files, (1, 4, 5), 5))
