"""A checkpoint as a file: tensors and plain types, with the configuration it was trained with."""

from pathlib import Path
from typing import Any

from mlp_lab.errors import ChecksumError, RunNotFoundError
from mlp_lab.files.safe_load import load_plain


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, without unpickling anything but tensors and plain types.

    Raises:
        RunNotFoundError: There is no such file.
        ChecksumError: The file is torn, no checkpoint of this project, or holds pickled objects.
    """
    try:
        checkpoint = load_plain(path)
    except FileNotFoundError as error:
        raise RunNotFoundError(f"ckpt_path {str(path)!r} is not there.") from error
    own = checkpoint.get("mlp_lab")
    has_config = isinstance(own, dict) and isinstance(own.get("config"), dict)
    if not has_config or not isinstance(checkpoint.get("state_dict"), dict):
        raise ChecksumError(f"{str(path)!r} is no checkpoint of mlp_lab.")
    return checkpoint
