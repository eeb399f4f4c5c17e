"""One file of tensors and plain types from which the net can be made anew."""

import io
from pathlib import Path

import torch
from torch import Tensor

from mlp_lab.export.parity import check_parity
from mlp_lab.files.atomic import replacing
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import PTH_KIND, open_torch
from mlp_lab.tasks import Task


def write_torch_file(task: Task, info: ModelInfo, samples: Tensor, path: Path) -> float:
    """Write a net's description and tensors, if the net made from them agrees with the task.

    Args:
        task: The task with the weights to be written.
        info: The model's description.
        samples: Real inputs for the check, as the data have them.
        path: The file, a ``.pth``.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference between the outputs of both.

    Raises:
        ExportError: The outputs differ.
        WriteError: The file could not be written.
    """
    net = info.rebuild(task.state_dict(), trust=True).cpu()
    content = io.BytesIO()  # a full disk is no reliable error where PyTorch writes to it itself
    torch.save({"kind": PTH_KIND, "model": info.plain(), "state_dict": net.state_dict()}, content)
    with replacing(path) as part:
        part.write_bytes(content.getbuffer())
        _, forward = open_torch(part, is_checkpoint=False, trust=True)
        return check_parity(path.name, forward, task, samples)
