"""Many images decoded in order, with memory that does not grow with their number."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlp_lab.errors import ChecksumError, ConfigError, WorkerError
from mlp_lab.images import decode_images, shared_array, stream_images


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:02}.png" for number in range(53)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((4, 5), number, np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("batch_size", [1, 2, 5, 26, 53, 1000])
def test_every_image_comes_once_and_in_order(files: list[Path], batch_size: int) -> None:
    seen = []
    for batch, kept in stream_images(files, (1, 4, 5), batch_size):
        assert kept.all()
        assert 0 < len(batch) <= batch_size
        assert (batch == batch[:, :, :1, :1]).all()
        seen += batch[:, 0, 0, 0].tolist()
    assert seen == list(range(53))


def test_a_broken_image_is_named(files: list[Path]) -> None:
    files[40].write_text("no image")
    with pytest.raises(ChecksumError, match=r"40\.png' is no image"):
        list(stream_images(files, (1, 4, 5), 5))
    kept = [kept for _, kept in stream_images(files, (1, 4, 5), 5, skip_broken=True)]
    assert np.flatnonzero(~np.concatenate(kept)).tolist() == [40]


@pytest.mark.parametrize("at_once", [7, 256])
def test_an_array_is_filled_and_broken_files_are_left_out(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("mlp_lab.images.decode_many._FILES_AT_ONCE", at_once)
    files[40].write_text("no image")
    images = shared_array((53, 1, 4, 5))
    assert not images.any()
    kept = decode_images(files, images, resize=False, skip_broken=True, title="decoding")
    assert np.flatnonzero(~kept).tolist() == [40]
    expected = np.where(np.arange(53) == 40, 0, np.arange(53))
    np.testing.assert_array_equal(images[:, 0, 3, 4], expected)
    with pytest.raises(ChecksumError, match=r"40\.png' is no image"):
        decode_images(files, images, resize=False, title="decoding")


def test_another_size_is_refused_without_resizing(files: list[Path]) -> None:
    with pytest.raises(ConfigError, match="has 4 x 5 pixels, and others 8 x 8"):
        decode_images(files, shared_array((53, 1, 8, 8)), resize=False, title="decoding")
    images = shared_array((53, 1, 8, 8))
    assert decode_images(files, images, resize=True, title="decoding").all()
    assert images[-1].min() == images[-1].max() == 52


@pytest.mark.skipif(sys.platform != "linux", reason="threads decode elsewhere")
def test_a_killed_worker_is_one_sentence(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("mlp_lab.images.decode_many.decode_image", killed)
    with pytest.raises(WorkerError, match="was killed, perhaps because memory ran out"):
        list(stream_images(files, (1, 4, 5), 5))
