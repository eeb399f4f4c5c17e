"""Whether a model file agrees with the task it came from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mlp_lab.errors import ExportError
from mlp_lab.inference.backends import FloatArray, ForwardFn
from mlp_lab.tasks import ClassesTask, Task

TOLERANCE = 1e-5
"""Largest difference allowed; of outputs larger than 1, relative to the largest."""


def check_parity(name: str, forward: ForwardFn, task: Task, samples: Tensor) -> float:
    """Compare a file's outputs with the task's own, for all samples at once and for one alone.

    Args:
        name: Name of the file.
        forward: The opened file.
        task: The task, with the weights that the file should hold.
        samples: Real inputs, as the data have them.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference.

    Raises:
        ExportError: It is too large, or the predicted class of a sample differs.
    """
    return max(
        _compare(name, forward(inputs.numpy()), _expected_outputs(task, inputs))
        for inputs in (samples, samples[:1])
    )


def _expected_outputs(task: Task, inputs: Tensor) -> Sequence[FloatArray]:
    was_training, dtype = task.training, task.mean.dtype
    if dtype in (torch.bfloat16, torch.float16):
        task.float()  # as the file has it; back again below, which loses nothing
    with torch.inference_mode():
        outputs = [task.eval()(inputs.to(task.device)).float()]
        if isinstance(task, ClassesTask):
            outputs.append(task.probabilities(outputs[0]))
    task.to(dtype).train(was_training)
    return [output.cpu().numpy() for output in outputs]


def _compare(name: str, found: Sequence[FloatArray], expected: Sequence[FloatArray]) -> float:
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
    if len(found) > 1 and _predict_otherwise(found[1], expected[1]):
        raise ExportError(f"{name} predicts another class than the net. Nothing was written.")
    return worst


def _predict_otherwise(found: FloatArray, expected: FloatArray) -> bool:
    """Whether a predicted class differs, and not by a tie within the tolerance."""
    chosen = np.take_along_axis(expected, found.argmax(1)[:, None], 1)[:, 0]
    return bool((expected.max(1) - chosen > TOLERANCE).any())
