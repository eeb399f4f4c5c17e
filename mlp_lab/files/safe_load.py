"""PyTorch's files of tensors and plain types alone."""

import pickle
from pathlib import Path
from typing import Any

import torch

from mlp_lab.errors import ChecksumError


def load_plain(path: Path, *, mmap: bool = False) -> dict[Any, Any]:
    """Read a file onto the CPU, without unpickling anything but tensors and plain types.

    Args:
        path: The file.
        mmap: Whether tensors stay in the file until they are used.

    Raises:
        FileNotFoundError: There is no such file.
        ChecksumError: It is torn, holds pickled objects, or something else than a dict.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except FileNotFoundError:
        raise
    except pickle.UnpicklingError as error:
        raise ChecksumError(
            f"{str(path)!r} is no file of tensors and plain types alone; what else it holds could "
            "run any code, so it was not loaded."
        ) from error
    except Exception as error:  # a damaged file may confuse the reader in any way
        raise ChecksumError(f"{str(path)!r} is torn, or no file of tensors at all.") from error
    if not isinstance(content, dict):
        raise ChecksumError(f"{str(path)!r} holds a {type(content).__name__} and no dict.")
    _check_sizes(content, path)
    return content


def _check_sizes(content: object, path: Path) -> None:
    """Refuse tensors that claim more numbers than the file holds for them."""
    todo = [content]
    while todo:
        match todo.pop():
            case torch.Tensor() as tensor if tensor.layout is torch.strided:
                held = tensor.untyped_storage().nbytes() // tensor.element_size()
                if tensor.numel() > held:
                    shape = tuple(tensor.shape)
                    raise ChecksumError(
                        f"{str(path)!r} claims a tensor of shape {shape}, and has {held:,} numbers."
                    )
            case dict() as inner:
                todo += inner.values()
            case list() | tuple() as inner:
                todo += inner
