"""The three kinds of model files, each behind one function. Imports torch only where needed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError, first_line
from mlp_lab.inference.info import ModelInfo
from mlp_lab.runs.own_classes import import_own_classes
from mlp_lab.runs.own_runs import own_modules_of
from mlp_lab.runs.run import Run

if TYPE_CHECKING:  # a .onnx is used without torch
    from mlp_lab.nets import EnsembleNet, InferenceNet

FloatArray = NDArray[np.floating]

ForwardFn = Callable[[NDArray[Any]], tuple[FloatArray, ...]]
"""From a batch of raw inputs to the outputs and, where there are classes, probabilities."""

PTH_KIND = "mlp_lab inference"

_FATAL = 4  # onnxruntime's log level; errors are raised as one sentence instead


def find_model(path: Path) -> Path:
    """Return the file of a model: of a run its model.onnx, or else its best checkpoint.

    Raises:
        RunNotFoundError: There is no such file, or no model in the run.
    """
    if path.is_dir():
        run = Run.open(path)
        is_current = run.model_path.is_file() and not run.is_outdated(run.model_path)
        path = run.model_path if is_current else run.find_checkpoint("best")
    if not path.is_file():
        raise RunNotFoundError(f"The model {str(path)!r} is not there.")
    return path


def open_model(
    path: Path, *, kind: str | None = None, trust: bool = False, threads: int | None = None
) -> tuple[ModelInfo, ForwardFn]:
    """Open a model of any kind.

    Args:
        path: A ``.onnx``, ``.pth`` or ``.ckpt``; or a run, see ``find_model``.
        kind: One of these suffixes; by default the file's own.
        trust: Whether a net of another package than this one may be made.
        threads: How many threads compute; by default one for each core.

    Raises:
        RunNotFoundError: There is no such file, or no model in the run.
        ConfigError: It is of another kind, or its net is of another package.
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.
    """
    path = find_model(path)
    match kind or path.suffix.lower():
        case ".onnx":
            return _open_onnx(path, threads)
        case ".pth" | ".ckpt" as suffix:
            is_checkpoint = suffix == ".ckpt"
            return _open_torch(path, is_checkpoint=is_checkpoint, trust=trust, threads=threads)
    raise ConfigError(f"The model {str(path)!r} is none of .onnx, .pth and .ckpt.")


def _open_onnx(path: Path, threads: int | None) -> tuple[ModelInfo, ForwardFn]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads or 0
    # Threads that wait for the next batch would keep a core from decoding it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a damaged file may confuse the reader in any way
        raise ChecksumError(
            f"{str(path)!r} is torn, or no ONNX model: {first_line(error):.200}."
        ) from error
    try:
        metadata = session.get_modelmeta().custom_metadata_map
        info = ModelInfo.from_plain({key: json.loads(text) for key, text in metadata.items()})
    except (ValueError, RecursionError, ChecksumError) as error:
        raise ChecksumError(
            f"{str(path)!r} lacks the metadata that mlp_lab writes into its models ({error}). "
            "Export one with mlp-lab export."
        ) from error
    (found, *others), outputs = session.get_inputs(), [o.name for o in session.get_outputs()]
    if others or found.name != "inputs" or outputs != info.output_names:
        raise ChecksumError(
            f"{str(path)!r} takes {found.name!r} and gives {', '.join(outputs)}; a model of "
            f"mlp_lab takes 'inputs' and gives {', '.join(info.output_names)}."
        )
    expected_type = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[info.input_type]
    if found.type != expected_type or tuple(found.shape[1:]) != info.input_shape:
        raise ChecksumError(
            f"{str(path)!r} declares inputs {info.input_layout}, but they are {found.type} of "
            f"shape {tuple(found.shape)}."
        )

    def forward(inputs: NDArray[Any]) -> tuple[FloatArray, ...]:
        try:
            return tuple(session.run(outputs, {"inputs": inputs}))
        except Exception as error:  # as above
            raise ChecksumError(f"{str(path)!r} cannot be run: {error!s:.200}.") from error

    return info, forward


def _open_torch(
    path: Path, *, is_checkpoint: bool, trust: bool, threads: int | None
) -> tuple[ModelInfo, ForwardFn]:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    info, net = read_net(path, is_checkpoint=is_checkpoint, trust=trust)

    def forward(inputs: NDArray[Any]) -> tuple[FloatArray, ...]:
        with torch.inference_mode():
            return tuple(part.numpy() for part in net(torch.from_numpy(inputs)))

    return info, forward


def read_net(
    path: Path, *, is_checkpoint: bool = True, trust: bool = False
) -> "tuple[ModelInfo, InferenceNet | EnsembleNet]":
    """Rebuild the net of a checkpoint or a .pth.

    Args:
        path: The file.
        is_checkpoint: Whether it is a checkpoint.
        trust: Whether a net of another package than this one may be made.

    Raises:
        ConfigError: Its net is of another package.
        ChecksumError: It is torn, holds pickled objects, or is no model of this project.
    """
    import torch

    from mlp_lab.files.safe_load import load_plain

    content = load_plain(path)
    if is_checkpoint:
        own = content.get("mlp_lab")
        description = own.get("model") if isinstance(own, dict) else None
    else:
        description = content.get("model") if content.get("kind") == PTH_KIND else None
    state_dict = content.get("state_dict")
    if not isinstance(description, dict) or not isinstance(state_dict, dict):
        kind = "checkpoint" if is_checkpoint else "inference file"
        raise ChecksumError(f"{str(path)!r} is no {kind} of mlp_lab.")
    tensors = {k: v for k, v in state_dict.items() if isinstance(v, torch.Tensor)}
    try:
        info = ModelInfo.from_plain(description)
        nets = [str(one.net.get("class_path")) for one in info.members or (info,)]
        trusts = [_import_own_net(class_path, path, trust=trust) for class_path in nets]
        return info, info.rebuild(tensors, trust=all(trusts))
    except (ChecksumError, ConfigError) as error:
        raise type(error)(f"{str(path)!r} cannot be used: {str(error).rstrip('.')}.") from error


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
