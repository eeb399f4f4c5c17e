"""A service of the digits, and images for it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.inference import Predictor
from mlp_lab.inference.backends import FloatArray
from tests.helpers.service import Client, serving


@pytest.fixture(scope="package")
def digits(digits_run: Path) -> Iterator[Client]:
    with serving(digits_run) as client:
        yield client


@pytest.fixture(scope="package")
def images() -> NDArray[np.uint8]:
    from sklearn.datasets import load_digits

    scaled: NDArray[np.float64] = load_digits().images[:20] * 255 / 16
    return scaled.astype(np.uint8)[:, None]  # (N, 1, H, W)


@pytest.fixture(scope="package")
def expected(digits_run: Path, images: NDArray[np.uint8]) -> FloatArray:
    """Probabilities by the Python interface."""
    return Predictor(digits_run / "model.onnx").predict(images)


def to_png(image: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image[0]).save(file, kind)
    return file.getvalue()


def to_npz(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()
