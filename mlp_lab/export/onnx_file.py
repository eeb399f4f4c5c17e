"""One ONNX file: raw inputs in, answers out, with what it says of itself as metadata."""

import contextlib
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
from mlp_lab.inference.backends import open_onnx
from mlp_lab.nets import rebuild
from mlp_lab.tasks import Task

OPSETS = range(18, 24)
"""Versions of ONNX's operators that can be asked for."""


def write_onnx(
    task: Task, info: ModelInfo, samples: Tensor, path: Path, opset: int | None = None
) -> float:
    """Export a task's net, and write it if onnxruntime answers as the net does.

    Args:
        task: The task with the weights to be exported.
        info: What the file says of itself.
        samples: Real inputs for the check, as the data have them.
        path: The file.
        opset: Version of ONNX's operators, one of OPSETS; by default PyTorch's choice.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference between both.

    Raises:
        ConfigError: No such opset.
        ExportError: The net has parts that ONNX knows nothing of, or the answers differ.
        WriteError: The file could not be written.
    """
    if opset is not None and opset not in OPSETS:
        raise ConfigError(f"opset is {opset}; it must lie in {OPSETS[0]}..{OPSETS[-1]}.")
    net = rebuild(
        info.net, info.input_shape, info.num_outputs, info.head, task.state_dict(), trust=True
    ).cpu()
    # Of a batch of one it would be taken for granted.
    example = samples[:2] if len(samples) > 1 else samples.expand(2, *samples.shape[1:])
    with _quietly():
        try:
            program = torch.onnx.export(
                net,
                (example.contiguous(),),
                input_names=["inputs"],
                output_names=["numbers"] if info.head == "none" else ["logits", "probabilities"],
                dynamic_shapes={"inputs": {0: "batch"}},
                opset_version=opset,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter fails in many ways
            raise ExportError(f"{path.name} cannot be made: {first_line(error):.200}") from error
    assert program is not None
    said = {key: json.dumps(value, ensure_ascii=False) for key, value in info.plain().items()}
    program.model.metadata_props.update(said, input_layout=json.dumps(info.input_layout))
    with replacing(path) as part:
        part.write_bytes(program.model_proto.SerializeToString())
        try:
            onnx.checker.check_model(part, full_check=True)
        except onnx.checker.ValidationError as error:
            raise ExportError(f"{path.name} is no sound ONNX model: {error!s:.200}") from error
        return check_parity(path.name, open_onnx(part)[1], task, samples)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's own progress and its warnings about itself to itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
