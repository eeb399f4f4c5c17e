"""Arrays in memory as a source of samples."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_lab.data import Part, Samples, Source
from mlp_lab.errors import DatasetNotFoundError
from mlp_lab.tables import Column, PlainColumn

_MIN_COUNT = 5  # as of a Table
_handed_over: ContextVar[Samples | None] = ContextVar("samples", default=None)


@contextmanager
def handing_over(samples: Samples) -> Iterator[None]:
    """Let each source that is made meanwhile hold these samples, which no configuration can."""
    token = _handed_over.set(samples)
    try:
        yield
    finally:
        _handed_over.reset(token)


class Arrays(Source):
    """Samples that were handed over in Python.

    Args:
        input_shape: Shape of one input.
        class_names: Names of the classes; empty for a regression.
        num_targets: Number of regression targets; 0 where there are classes.
        holds_out: Whether a part of the samples is held out for validation.
        columns: Columns of a frame with all their categories, in plain types.

    Attributes:
        samples: The samples to learn from.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        class_names: Sequence[str] = (),
        num_targets: int = 0,
        holds_out: bool = False,
        columns: Sequence[PlainColumn] = (),
    ) -> None:
        self.input_shape = tuple(input_shape)
        self.class_names = tuple(class_names)
        self.num_targets = num_targets
        # Nothing is tested: who has a test set of their own calls score.
        self.parts: frozenset[Part] = frozenset(
            ("train", "test") if holds_out else ("train", "val", "test")
        )
        self.columns = tuple(map(Column.from_plain, columns))
        self.min_count = _MIN_COUNT
        self.samples = _handed_over.get()
        super().__init__()

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Return the samples as the training part, and the others without any.

        Raises:
            DatasetNotFoundError: There are none: they were in the memory of another process.
        """
        if self.samples is None:
            raise DatasetNotFoundError(
                "This run learnt from arrays in memory, which no file holds. Predict with it by "
                "mlp-lab infer, or fit the estimator again."
            )
        nothing = Samples(self.samples.inputs[:0], self.samples.labels[:0])
        return {part: self.samples if part == "train" else nothing for part in sorted(self.parts)}


def as_rows(inputs: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Flatten images, ``(N, C, H, W)`` or ``(N, H, W)``, to rows; leave anything else as it is.

    Returns:
        The rows, and the shape ``(C, H, W)`` of an image; None where there are no images.

    Raises:
        ValueError: Images that are no bytes.
    """
    if getattr(inputs, "ndim", 2) not in (3, 4):
        return inputs, None
    images = np.asarray(inputs)
    if images.dtype != np.uint8:
        raise ValueError(
            f"X has images of {images.dtype}; they must be bytes 0..255 (uint8), of shape "
            "(N, C, H, W) or (N, H, W)."
        )
    if images.ndim == 3:
        images = images[:, None]
    return images.reshape(len(images), math.prod(images.shape[1:])), images.shape[1:]


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Return a tensor over an array, which is copied only where it cannot be written."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
