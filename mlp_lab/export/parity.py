"""Whether a model file answers as the task does that it came from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mlp_lab.errors import ExportError
from mlp_lab.inference.backends import Answer
from mlp_lab.tasks import ClassesTask, Task

TOLERANCE = 1e-5
"""Largest difference allowed, of logits and numbers beyond 1 in size as a share of the largest."""


def check_parity(name: str, model: Answer, task: Task, samples: Tensor) -> float:
    """Compare the answers of a file with the task's own, for many samples and for one.

    Args:
        name: What the file is called.
        model: The file, opened.
        task: The task, with the weights that the file should hold.
        samples: Real inputs, as the data have them.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference.

    Raises:
        ExportError: It is too large, or a sample is of another class.
    """
    worst = 0.0
    for part in (samples, samples[:1]):
        expected = _answer(task, part)
        worst = max(worst, _compare(name, model(part.numpy()), expected))
    return worst


def _answer(task: Task, inputs: Tensor) -> Sequence[np.ndarray]:
    was_training, dtype = task.training, task.mean.dtype
    if dtype in (torch.bfloat16, torch.float16):
        task.float()  # as the file has it; back again below, which loses nothing
    with torch.inference_mode():
        outputs = task.eval()(inputs.to(task.device)).float()
        answers = [outputs]
        if isinstance(task, ClassesTask):
            answers.append(task.probabilities(outputs))
    task.to(dtype).train(was_training)
    return [answer.cpu().numpy() for answer in answers]


def _compare(name: str, found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    if any(ours.shape != theirs.shape for ours, theirs in zip(found, expected, strict=True)):
        raise ExportError(f"{name} gives answers of another shape. Nothing was written.")
    differences = [
        float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
        for ours, theirs in zip(found, expected, strict=True)
    ]
    worst = max(differences)
    if not worst <= TOLERANCE:  # nor NaN
        raise ExportError(
            f"{name} answers otherwise than the net: by up to {worst:.3g}, where "
            f"{TOLERANCE:g} is allowed. Nothing was written."
        )
    if len(found) > 1 and _names_others(found[1], expected[1]):
        raise ExportError(f"{name} names another class than the net. Nothing was written.")
    return worst


def _names_others(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the likeliest class is another one, and not by a tie within the tolerance."""
    said = np.take_along_axis(expected, found.argmax(1)[:, None], 1)[:, 0]
    return bool((expected.max(1) - said > TOLERANCE).any())
