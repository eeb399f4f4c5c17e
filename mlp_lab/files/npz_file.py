"""numpy's ``.npz`` files, without the objects that they may hold. Imports no torch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError


def load_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file, numbers in this machine's byte order and at most of 64 bits.

    Raises:
        ChecksumError: It is torn, or holds pickled objects.
    """
    try:
        # Opened here, since numpy leaves it open where it is torn.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: _plain(archive[name]) for name in archive.files}
    except Exception as error:  # a damaged file may confuse the readers of zip and npy in any way
        if "allow_pickle" in str(error):
            raise ChecksumError(
                f"{str(path)!r} holds pickled objects; that could run any code, so it was not "
                "loaded."
            ) from error
        raise ChecksumError(f"{str(path)!r} is torn, or no file of arrays: {error}.") from error


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Bring numbers to a type that torch and ONNX Runtime know too."""
    dtype = np.dtype(np.float64) if array.dtype.type is np.longdouble else array.dtype
    with np.errstate(over="ignore"):  # infinity is looked for where numbers are used
        return array.astype(dtype.newbyteorder("="), copy=False)
