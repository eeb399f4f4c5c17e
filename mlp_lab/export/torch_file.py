"""One file of tensors and plain types that says how to make the net anew."""

import io
from pathlib import Path

import torch
from torch import Tensor

from mlp_lab.export.parity import check_parity
from mlp_lab.files.atomic import replacing
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import PTH_KIND, open_torch
from mlp_lab.nets import rebuild
from mlp_lab.tasks import Task


def write_torch_file(task: Task, info: ModelInfo, samples: Tensor, path: Path) -> float:
    """Write a net's description and tensors, if what is made of them answers as the net does.

    Args:
        task: The task with the weights to be written.
        info: What the file says of itself.
        samples: Real inputs for the check, as the data have them.
        path: The file, a ``.pth``.

    Shape:
        samples ``(N, *input_shape)``, N at least 1.

    Returns:
        The largest difference between both.

    Raises:
        ExportError: The answers differ.
        WriteError: The file could not be written.
    """
    net = rebuild(
        info.net, info.input_shape, info.num_outputs, info.head, task.state_dict(), trust=True
    ).cpu()
    content = io.BytesIO()  # writing to a file itself, PyTorch tells of a full disk in no sure way
    torch.save({"kind": PTH_KIND, "model": info.plain(), "state_dict": net.state_dict()}, content)
    with replacing(path) as part:
        part.write_bytes(content.getbuffer())
        _, run = open_torch(part, is_checkpoint=False, trust=True)
        return check_parity(path.name, run, task, samples)
