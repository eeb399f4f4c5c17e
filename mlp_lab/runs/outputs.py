"""outputs.npz: what a net predicted of each sample of a part, to compare runs in pairs.

Imports no torch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.npz_file import load_npz


@dataclass(frozen=True)
class Outputs:
    """What a net predicted of N samples.

    Attributes:
        outputs: The probability of each class ``(N, K)``, or the predicted targets ``(N, T)`` in
            their own units, float32.
        labels: The class of each sample ``(N,)`` int64, or its targets ``(N, T)`` float32.
        indices: The place of each sample in its part of the source, ``(N,)`` int64.
        files: The file of each sample ``(N,)``, where samples have their own.
    """

    outputs: NDArray[np.float32]
    labels: NDArray[Any]
    indices: NDArray[np.int64]
    files: NDArray[np.str_] | None = None

    def write(self, path: Path) -> None:
        """Write them as one file, whole or not at all.

        Raises:
            WriteError: The file could not be written.
        """
        with replacing(path) as part, part.open("wb") as file:
            arrays = {name: array for name, array in vars(self).items() if array is not None}
            np.savez_compressed(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> "Outputs":
        """Read a file that ``write`` wrote.

        Raises:
            ChecksumError: It is torn, or holds something else.
        """
        arrays = load_npz(path)
        try:
            required = arrays["outputs"], arrays["labels"], arrays["indices"]
            found = cls(*required, files=arrays.get("files"))
        except KeyError as error:
            raise ChecksumError(f"{str(path)!r} holds no {error.args[0]} of samples.") from error
        shapes = tuple(array.shape for array in vars(found).values() if array is not None)
        rows = {shape[:1] for shape in shapes}
        if found.outputs.ndim != 2 or found.indices.ndim != 1 or len(rows) > 1:
            raise ChecksumError(f"{str(path)!r} holds arrays of the shapes {shapes}.")
        if not found._is_sound():
            raise ChecksumError(f"{str(path)!r} holds no predictions of samples.")
        return found

    def _is_sound(self) -> bool:
        """Whether types, classes and targets fit, and all numbers are finite."""
        outputs, labels = self.outputs, self.labels
        kinds = (outputs.dtype.kind, labels.dtype.kind, self.indices.dtype.kind)
        if labels.ndim == 1:
            num_classes = outputs.shape[1]
            fits = kinds == ("f", "i", "i") and ((labels >= 0) & (labels < num_classes)).all()
        else:
            fits = kinds == ("f", "f", "i") and labels.shape == outputs.shape and outputs.size > 0
        has_names = self.files is None or (self.files.ndim == 1 and self.files.dtype.kind == "U")
        return bool(fits and has_names and np.isfinite(outputs).all() and np.isfinite(labels).all())
