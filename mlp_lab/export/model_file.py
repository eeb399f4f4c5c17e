"""One file of a trained net, ``.onnx`` or ``.pth``: raw inputs in, predictions out."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError, ExportError, first_line
from mlp_lab.files.atomic import replacing
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import PTH_KIND, FloatArray, open_model
from mlp_lab.nets import EnsembleNet, Head
from mlp_lab.nets.ensemble_net import FLOOR
from mlp_lab.tasks import Task

OPSETS = range(18, 24)
"""Versions of ONNX's operators to choose from."""

TOLERANCE = 1e-5
"""Largest difference allowed; of outputs larger than 1, relative to the largest."""


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
    net = info.rebuild(task.state_dict(), trust=True).cpu()
    return _write(net, info, samples, path, opset, partial(_expected_outputs, task))


def write_ensemble(
    members: Sequence[nn.Module],
    info: ModelInfo,
    samples: Tensor,
    path: Path,
    opset: int | None = None,
) -> float:
    """Write the mean of several nets, if the file agrees with what they answer one by one.

    Args:
        members: The nets of ``info.members``, from raw inputs to outputs and probabilities.
        info: The ensemble's description.
        samples: As for ``write_model``.
        path: As for ``write_model``.
        opset: As for ``write_model``.

    Returns:
        The largest difference between the outputs of the file and those of the mean.

    Raises:
        ConfigError: No such opset.
        ExportError: The nets have parts that ONNX lacks, or the outputs differ.
        WriteError: The file could not be written.
    """
    net = EnsembleNet(members, info.head).eval()

    def average(inputs: Tensor) -> Sequence[FloatArray]:
        answers = [predict_batch(member, inputs) for member in members]
        return complete_mean(np.mean(answers, axis=0), info.head)

    return _write(net, info, samples, path, opset, average)


def predict_batch(net: nn.Module, inputs: Tensor) -> FloatArray:
    """Return the probabilities of a net for raw inputs, or the targets that it predicts."""
    with torch.inference_mode():
        predicted: FloatArray = net(inputs)[-1].numpy()
    return predicted


def complete_mean(mean: FloatArray, head: Head) -> Sequence[FloatArray]:
    """Return the outputs of an ensemble from the mean of its members: see EnsembleNet.

    Shape:
        ``(N, K)`` to the same, and before it ``(N, K)``, or ``(N, 1)`` for ``sigmoid``.
    """
    if head == "none":
        return [mean]
    logs = np.log(mean + np.float32(FLOOR))
    return [logs[:, 1:] - logs[:, :1] if head == "sigmoid" else logs, mean]


def _write(
    net: nn.Module,
    info: ModelInfo,
    samples: Tensor,
    path: Path,
    opset: int | None,
    expected: Callable[[Tensor], Sequence[FloatArray]],
) -> float:
    """Write a net, if the file answers as expected: to a batch, and to a single sample."""
    if opset is not None and opset not in OPSETS:
        raise ConfigError(f"opset is {opset}; it must lie in {OPSETS[0]}..{OPSETS[-1]}.")
    if path.suffix == ".onnx":
        content = _to_onnx(net, info, samples, path.name, opset)
    else:
        content = _to_pth(net, info)
    with replacing(path) as part:
        part.write_bytes(content)
        _, forward = open_model(part, kind=path.suffix, trust=True)
        return max(
            compare_outputs(path.name, forward(inputs.numpy()), expected(inputs))
            for inputs in (samples, samples[:1])
        )


def _to_onnx(
    net: nn.Module, info: ModelInfo, samples: Tensor, name: str, opset: int | None
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


def _to_pth(net: nn.Module, info: ModelInfo) -> bytes:
    content = io.BytesIO()  # writing to a file, PyTorch reports a full disk in no reliable way
    torch.save({"kind": PTH_KIND, "model": info.plain(), "state_dict": net.state_dict()}, content)
    return content.getvalue()


def compare_outputs(
    name: str, found: Sequence[FloatArray], expected: Sequence[FloatArray]
) -> float:
    """Return the largest difference between the outputs of a file and those of the task.

    Raises:
        ExportError: It is above TOLERANCE, or shapes or the predicted class of a sample differ.
    """
    if [array.shape for array in found] != [array.shape for array in expected]:
        raise ExportError(f"{name} returns outputs of another shape. Nothing was written.")
    worst = max(
        float(np.abs(f - e).max()) / max(1.0, float(np.abs(e).max()))
        for f, e in zip(found, expected, strict=True)
    )
    if not worst <= TOLERANCE:  # NaN fails too
        raise ExportError(
            f"{name} differs from the net by up to {worst:.3g}, where {TOLERANCE:g} is allowed. "
            "Nothing was written."
        )
    for f, e in zip(found[1:], expected[1:], strict=True):  # probabilities, where there are any
        chosen = np.take_along_axis(e, f.argmax(1)[:, None], 1)[:, 0]
        if (e.max(1) - chosen > TOLERANCE).any():  # a tie may fall either way
            raise ExportError(f"{name} predicts another class than the net. Nothing was written.")
    return worst


def _expected_outputs(task: Task, inputs: Tensor) -> Sequence[FloatArray]:
    was_training, dtype = task.training, task.mean.dtype
    if dtype in (torch.bfloat16, torch.float16):
        task.float()  # as the file has it; back again below, which loses nothing
    with torch.inference_mode():
        outputs = task.eval()(inputs.to(task.device)).float()
        probabilities = task.probabilities(outputs)
    task.to(dtype).train(was_training)
    return [part.cpu().numpy() for part in (outputs, probabilities) if part is not None]


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
