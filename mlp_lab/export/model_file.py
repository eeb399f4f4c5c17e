"""One file of a trained net, ``.onnx`` or ``.pth``: raw inputs in, predictions out."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from torch import Tensor

from mlp_lab.errors import ConfigError, ExportError, first_line
from mlp_lab.export.parity import check_parity
from mlp_lab.files.atomic import replacing
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import PTH_KIND, open_model
from mlp_lab.nets import InferenceNet
from mlp_lab.tasks import Task

OPSETS = range(18, 24)
"""Versions of ONNX's operators to choose from."""


def write_model(
    task: Task, info: ModelInfo, samples: Tensor, path: Path, opset: int | None = None
) -> float:
    """Write a task's net with its description, if the file, opened again, agrees with the task.

    Args:
        task: The task with the weights to be written.
        info: The model's description; in an ONNX file it is the metadata.
        samples: Real inputs for the check, as the data have them.
        path: The file, a ``.onnx`` or ``.pth``.
        opset: Version of ONNX's operators, one of OPSETS; by default PyTorch's choice.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference between the outputs of both.

    Raises:
        ConfigError: No such opset.
        ExportError: The net has parts that ONNX lacks, or the outputs differ.
        WriteError: The file could not be written.
    """
    if opset is not None and opset not in OPSETS:
        raise ConfigError(f"opset is {opset}; it must lie in {OPSETS[0]}..{OPSETS[-1]}.")
    net = info.rebuild(task.state_dict(), trust=True).cpu()
    if path.suffix == ".onnx":
        content = _to_onnx(net, info, samples, path.name, opset)
    else:
        content = _to_pth(net, info)
    with replacing(path) as part:
        part.write_bytes(content)
        _, forward = open_model(part, kind=path.suffix, trust=True)
        return check_parity(path.name, forward, task, samples)


def _to_onnx(
    net: InferenceNet, info: ModelInfo, samples: Tensor, name: str, opset: int | None
) -> bytes:
    # The exporter would take the size of a batch of one for a constant.
    example = samples[:2] if len(samples) > 1 else samples.expand(2, *samples.shape[1:])
    with _silence_exporter():
        try:
            program = torch.onnx.export(
                net,
                (example.contiguous(),),
                input_names=["inputs"],
                output_names=info.output_names,
                dynamic_shapes={"inputs": {0: "batch"}},
                opset_version=opset,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter fails in many ways
            raise ExportError(f"{name} cannot be made: {first_line(error):.200}") from error
    assert program is not None
    for key, value in (info.plain() | {"input_layout": info.input_layout}).items():
        program.model.metadata_props[key] = json.dumps(value, ensure_ascii=False)
    content: bytes = program.model_proto.SerializeToString()
    try:
        onnx.checker.check_model(content, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{name} is no sound ONNX model: {error!s:.200}") from error
    return content


def _to_pth(net: InferenceNet, info: ModelInfo) -> bytes:
    content = io.BytesIO()  # writing to a file, PyTorch reports a full disk in no reliable way
    torch.save({"kind": PTH_KIND, "model": info.plain(), "state_dict": net.state_dict()}, content)
    return content.getvalue()


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Suppress the exporter's progress messages, and its warnings about itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
