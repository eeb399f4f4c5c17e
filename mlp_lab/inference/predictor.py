"""Predictions with a model, whatever the kind of its file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, warn_deprecated
from mlp_lab.inference.backends import FloatArray, open_model
from mlp_lab.inference.inputs import Broken, read_batches
from mlp_lab.inference.tables import AS_TRAINED, TableOptions, encode_frame
from mlp_lab.tables import is_frame

if TYPE_CHECKING:  # a .onnx is used without torch
    from torch import Tensor

Frame = Any
"""A frame of pandas or polars, neither of which is imported for its type alone."""


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for a batch of inputs.

    Attributes:
        names: The file of each input, or its index in an array.
        outputs: The net's outputs ``(N, K)``: logits, or the predicted numbers.
        probabilities: Probability of each class ``(N, K)``; None for regression.
        labels: True class indices ``(N,)``, -1 where not known, or the targets ``(N, T)`` of a
            table, NaN where not known; None where none is known.
        are_files: Whether the names are those of files.
        ids: The cell of each in the column that names the rows; None without such a column.
    """

    names: list[str]
    outputs: FloatArray
    probabilities: FloatArray | None
    labels: NDArray[Any] | None = None
    are_files: bool = False
    ids: list[str] | None = None


class Predictor:
    """Predict with a ``.onnx``, ``.pth`` or ``.ckpt``; for the first no torch is imported.

    Args:
        path: The file, or a run, of which model.onnx is taken, or else its best checkpoint.
        trust: Whether a net of another package than this one may be made from a .pth or .ckpt.
        threads: How many threads compute; by default one for each core.

    Attributes:
        info: The model's inputs, outputs and origin.

    Raises:
        RunNotFoundError: There is no such file.
        ConfigError: It is of another kind, or its net is of another package.
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.

    Example:
        >>> Predictor("nowhere.onnx")
        Traceback (most recent call last):
        mlp_lab.errors.RunNotFoundError: The model 'nowhere.onnx' is not there.
    """

    def __init__(
        self, path: str | Path, *, trust: bool = False, threads: int | None = None
    ) -> None:
        self.path = Path(path)
        self.info, self._forward = open_model(self.path, trust=trust, threads=threads)

    def predict(self, inputs: "NDArray[Any] | Tensor | Frame") -> FloatArray:
        """Return probabilities, or the predicted numbers for regression.

        Args:
            inputs: Raw inputs in the type that ``info.input_type`` names, or one of them; of a
                model of tables also a frame of pandas or polars, its columns in any order.

        Shape:
            ``(N, *input_shape)`` to ``(N, K)``; ``input_shape`` to ``(K,)``.

        Raises:
            ConfigError: Inputs of another shape or type, or a frame that lacks a column.
        """
        if is_frame(inputs):
            return self.forward(encode_frame(inputs, self.info))[-1]
        batch = np.asarray(inputs)
        if batch.shape == self.info.input_shape:
            single: FloatArray = self.forward(batch[None])[-1][0]
            return single
        return self.forward(batch)[-1]

    def forward(
        self, inputs: NDArray[Any], names: Sequence[object] | None = None
    ) -> tuple[FloatArray, ...]:
        """Return outputs and, where there are classes, probabilities.

        Args:
            inputs: Raw inputs ``(N, *input_shape)``.
            names: Names of the inputs in errors; by default their indices.

        Raises:
            ConfigError: Inputs of another shape or type, or so large that outputs are not finite.
            ChecksumError: The outputs are not one for each input.
        """
        info = self.info
        if inputs.shape[1:] != info.input_shape or inputs.dtype != info.input_type:
            raise ConfigError(
                f"The inputs are {inputs.dtype} of shape {inputs.shape[1:]}; the model takes "
                f"{info.input_type} of shape {info.input_shape}."
            )
        results = self._forward(np.ascontiguousarray(inputs))
        widths = (info.num_outputs, len(info.class_names))
        for result, columns in zip(results, widths, strict=False):
            if result.shape != (len(inputs), columns):
                raise ChecksumError(
                    f"{str(self.path)!r} returned shape {result.shape} for {len(inputs)} inputs; "
                    f"expected {(len(inputs), columns)}."
                )
        finite = np.isfinite(results[0]).all(1)
        if not finite.all():
            first = int(finite.argmin())
            raise ConfigError(
                f"The model's answer to input {names[first] if names else first} is not finite: "
                "its numbers are too large."
            )
        return results

    def answer(self, inputs: NDArray[Any]) -> tuple[FloatArray, ...]:
        """Return what ``forward`` does: its name of version 0.1."""
        warn_deprecated("Predictor.answer", "Predictor.forward")
        return self.forward(inputs)

    def predict_files(
        self,
        paths: str | Path | Iterable[str | Path],
        batch_size: int = 256,
        broken: Broken = "refuse",
        tables: TableOptions = AS_TRAINED,
    ) -> Iterator[Predictions]:
        """Predict images, directories of images, ``.npz``, ``.pt`` and table files, in batches.

        Args:
            paths: One path, or several.
            batch_size: Number of inputs at a time.
            broken: Whether an image that cannot be read is refused, or left out with a line on the
                console (``skip``).
            tables: How files of tables are read.

        Raises:
            ConfigError: A batch size below 1, inputs of another shape or type, or a kind of file
                that is not read.
            DatasetNotFoundError: A path is not there, or holds no image that can be read.
            ChecksumError: A file is torn, or holds pickled objects.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}; it must be at least 1.")
        several = [paths] if isinstance(paths, str | Path) else [*paths]
        files = [Path(path) for path in several]
        for batch in read_batches(files, self.info, batch_size, broken, tables):
            outputs, *rest = self.forward(batch.inputs, batch.names)
            probabilities = rest[0] if rest else None
            yield Predictions(
                batch.names,
                outputs,
                probabilities,
                batch.labels,
                are_files=batch.are_files,
                ids=batch.ids,
            )
