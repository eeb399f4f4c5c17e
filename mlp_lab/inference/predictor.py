"""One way to use a model, whatever its file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.inference.backends import Numbers, open_model
from mlp_lab.inference.inputs import read_batches

if TYPE_CHECKING:  # a .onnx is used without torch
    from torch import Tensor


@dataclass(frozen=True)
class Answers:
    """What a model says of some inputs.

    Attributes:
        names: The file of each input, or its number in an array.
        outputs: The net's outputs ``(N, K)``: logits, or numbers.
        probabilities: Of each class ``(N, K)``; None where numbers are predicted.
        labels: The true class of each as a number ``(N,)``; None where it is not known.
    """

    names: list[str]
    outputs: Numbers
    probabilities: Numbers | None
    labels: NDArray[np.integer] | None = None


class Predictor:
    """Answer with a ``.onnx``, ``.pth`` or ``.ckpt``; for the first no torch is imported.

    Args:
        path: The file.
        trust: Whether a net of another package than this one is made from a .pth or .ckpt.

    Attributes:
        info: What the model takes and gives, and where it comes from.

    Raises:
        RunNotFoundError: There is no such file.
        ConfigError: It is of another kind, or its net is of another package.
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.
    """

    def __init__(self, path: str | Path, *, trust: bool = False) -> None:
        self.path = Path(path)
        self.info, self._run = open_model(self.path, trust=trust)

    def predict(self, inputs: "NDArray[Any] | Tensor") -> Numbers:
        """Return probabilities, or numbers where those are predicted.

        Args:
            inputs: Raw inputs in the type that ``info.input_type`` names, or one of them.

        Shape:
            ``(N, *input_shape)`` to ``(N, K)``; ``input_shape`` to ``(K,)``.

        Raises:
            ConfigError: Inputs of another shape or type.
        """
        several = np.asarray(inputs)
        if several.shape == self.info.input_shape:
            probabilities: Numbers = self.answer(several[None])[-1][0]
            return probabilities
        return self.answer(several)[-1]

    def answer(self, inputs: NDArray[Any]) -> tuple[Numbers, ...]:
        """Return outputs, and probabilities where there are classes.

        Raises:
            ConfigError: Inputs of another shape or type, or so large that the answer is not finite.
            ChecksumError: The answers are not one for each input.
        """
        return self._answer(inputs, range(len(inputs)))

    def _answer(self, inputs: NDArray[Any], names: Sequence[object]) -> tuple[Numbers, ...]:
        info = self.info
        if inputs.shape[1:] != info.input_shape or inputs.dtype != info.input_type:
            raise ConfigError(
                f"The inputs are {inputs.dtype} of shape {inputs.shape[1:]}; the model takes "
                f"{info.input_type} of shape {info.input_shape}."
            )
        answers = self._run(np.ascontiguousarray(inputs))
        widths = (info.num_outputs, len(info.class_names))
        for answer, columns in zip(answers, widths, strict=False):
            if answer.shape != (len(inputs), columns):
                raise ChecksumError(
                    f"{str(self.path)!r} returned shape {answer.shape} for {len(inputs)} inputs; "
                    f"expected {(len(inputs), columns)}."
                )
        finite = np.isfinite(answers[0]).all(1)
        if not finite.all():
            raise ConfigError(
                f"The model's answer to input {names[int(finite.argmin())]} is not finite: its "
                "numbers are too large."
            )
        return answers

    def predict_files(
        self, paths: str | Path | Iterable[str | Path], batch_size: int = 256
    ) -> Iterator[Answers]:
        """Answer for images, directories of images, ``.npz`` and ``.pt`` files, batch by batch.

        Args:
            paths: One of them, or several.
            batch_size: Inputs at a time.

        Raises:
            ConfigError: A batch size below 1, inputs of another shape or type, or a kind of file
                that is not read.
            DatasetNotFoundError: A path is not there, or holds no image.
            ChecksumError: A file is torn, or holds pickled objects.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}; it must be at least 1.")
        several = [paths] if isinstance(paths, str | Path) else [*paths]
        for batch in read_batches([Path(path) for path in several], self.info, batch_size):
            outputs, *rest = self._answer(batch.inputs, batch.names)
            yield Answers(batch.names, outputs, rest[0] if rest else None, batch.labels)
