"""test_samples.npz: some samples of the test set, to try a model on. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.npz_file import load_npz


@dataclass(frozen=True)
class KeptSamples:
    """Some samples of the test set.

    Attributes:
        inputs: As the model takes them, ``(N, *input_shape)``.
        labels: The class of each ``(N,)``, or its targets ``(N, T)``.
        indices: The place of each in its part of the source, ``(N,)``.
    """

    inputs: NDArray[Any]
    labels: NDArray[Any]
    indices: NDArray[np.int64]

    def write(self, path: Path) -> None:
        """Write them as one file, whole or not at all.

        Raises:
            WriteError: The file could not be written.
        """
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def read(cls, path: Path) -> "KeptSamples":
        """Read a file that ``write`` wrote.

        Raises:
            ChecksumError: It is torn, or holds something else.
        """
        arrays = load_npz(path)
        try:
            found = cls(arrays["inputs"], arrays["labels"], arrays["indices"])
        except KeyError as error:
            raise ChecksumError(f"{str(path)!r} holds no {error.args[0]} of samples.") from error
        shapes = [array.shape for array in vars(found).values()]
        if len({shape[:1] for shape in shapes}) > 1 or found.indices.ndim != 1:
            raise ChecksumError(f"{str(path)!r} holds arrays of the shapes {shapes}.")
        return found
