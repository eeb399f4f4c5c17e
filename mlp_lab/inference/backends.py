"""The three kinds of model files, each behind one call. Imports torch for two of them alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError, first_line
from mlp_lab.inference.info import ModelInfo
from mlp_lab.runs.own_classes import import_own_classes
from mlp_lab.runs.own_runs import own_modules_of
from mlp_lab.runs.run import Run

Numbers = NDArray[np.floating]

Answer = Callable[[NDArray[Any]], tuple[Numbers, ...]]
"""From a batch of raw inputs to outputs, and probabilities where there are classes."""

PTH_KIND = "mlp_lab inference"

_QUIET = 4  # onnxruntime would print what is said in a sentence here


def open_model(path: Path, *, trust: bool = False) -> tuple[ModelInfo, Answer]:
    """Open a model of any kind.

    Args:
        path: A ``.onnx``, ``.pth`` or ``.ckpt``.
        trust: Whether a net of another package than this one is made.

    Raises:
        RunNotFoundError: There is no such file.
        ConfigError: It is of another kind, or its net is of another package.
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.
    """
    if not path.is_file():
        raise RunNotFoundError(f"The model {str(path)!r} is not there, or no file.")
    match path.suffix.lower():
        case ".onnx":
            return open_onnx(path)
        case ".pth" | ".ckpt" as kind:
            return open_torch(path, is_checkpoint=kind == ".ckpt", trust=trust)
    raise ConfigError(f"The model {str(path)!r} is none of .onnx, .pth and .ckpt.")


def open_onnx(path: Path) -> tuple[ModelInfo, Answer]:
    """Open an ONNX model, whatever it is called.

    Raises:
        ChecksumError: It is torn, or no model of this project.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    # Threads that wait for the next batch would keep a core from decoding it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a damaged file may confuse the reader in any way
        raise ChecksumError(
            f"{str(path)!r} is torn, or no ONNX model: {first_line(error):.200}."
        ) from error
    try:
        said = session.get_modelmeta().custom_metadata_map
        info = ModelInfo.from_plain({key: json.loads(text) for key, text in said.items()})
    except (ValueError, RecursionError, ChecksumError) as error:
        raise ChecksumError(
            f"{str(path)!r} does not say what mlp_lab writes into its models ({error}). "
            "Export one with mlp-lab export."
        ) from error
    (wanted, *others), given = session.get_inputs(), [o.name for o in session.get_outputs()]
    names = ["numbers"] if info.head == "none" else ["logits", "probabilities"]
    kind = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[info.input_type]
    if others or wanted.name != "inputs" or given != names:
        raise ChecksumError(
            f"{str(path)!r} takes {wanted.name!r} and gives {', '.join(given)}; a model of mlp_lab "
            f"takes 'inputs' and gives {', '.join(names)}."
        )
    if wanted.type != kind or tuple(wanted.shape[1:]) != info.input_shape:
        raise ChecksumError(
            f"{str(path)!r} says that its inputs are {info.input_layout}, but they are "
            f"{wanted.type} of shape {tuple(wanted.shape)}."
        )

    def run(inputs: NDArray[Any]) -> tuple[Numbers, ...]:
        try:
            return tuple(session.run(names, {"inputs": inputs}))
        except Exception as error:  # as above
            raise ChecksumError(f"{str(path)!r} cannot be run: {error!s:.200}.") from error

    return info, run


def open_torch(path: Path, *, is_checkpoint: bool, trust: bool) -> tuple[ModelInfo, Answer]:
    """Open an inference file or a checkpoint, whatever it is called.

    Raises:
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.
        ConfigError: Its net is of another package, which is not trusted.
    """
    import torch

    from mlp_lab.files.safe_load import load_plain
    from mlp_lab.nets import rebuild

    content = load_plain(path)
    if is_checkpoint:
        own = content.get("mlp_lab")
        said = own.get("model") if isinstance(own, dict) else None
    else:
        said = content.get("model") if content.get("kind") == PTH_KIND else None
    tensors = content.get("state_dict")
    if not isinstance(said, dict) or not isinstance(tensors, dict):
        kind = "checkpoint" if is_checkpoint else "inference file"
        raise ChecksumError(f"{str(path)!r} is no {kind} of mlp_lab.")
    known = {k: v for k, v in tensors.items() if isinstance(v, torch.Tensor)}
    try:
        info = ModelInfo.from_plain(said)
        trust = _import_own_net(str(info.net.get("class_path")), path, trust=trust)
        net = rebuild(info.net, info.input_shape, info.num_outputs, info.head, known, trust=trust)
    except (ChecksumError, ConfigError) as error:
        raise type(error)(f"{str(path)!r} cannot be used: {str(error).rstrip('.')}.") from error

    def run(inputs: NDArray[Any]) -> tuple[Numbers, ...]:
        with torch.inference_mode():
            return tuple(part.numpy() for part in net(torch.from_numpy(inputs)))

    return info, run


def _import_own_net(class_path: str, path: Path, *, trust: bool) -> bool:
    """Import a net of the user's own; return whether the class that a file names may be made.

    A file in a run that this user's own fit wrote may name a class of that run's modules.
    """
    run = Run.of_checkpoint(path) or Run(path.absolute().parent)
    modules = (own_modules_of(run) if run.config_path.is_file() else None) or {}
    if file := modules.get(class_path.rpartition(".")[0]):
        import_own_classes({"model.net": class_path}, [Path(file).parent])
        return True
    if trust:
        import_own_classes({"model.net": class_path}, [path.absolute().parent, Path.cwd()])
    return trust
