"""The net for inference: raw inputs to outputs and class probabilities."""

import pkgutil
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mlp_lab.errors import ChecksumError, ConfigError
from mlp_lab.files.plain_types import loaded_class, own_subclasses
from mlp_lab.nets.net import Net, NetFactory
from mlp_lab.nets.table_net import TableEncoding, TableNet
from mlp_lab.tables import Column

Head = Literal["softmax", "sigmoid", "none"]
"""How outputs become probabilities: of K classes, of two from one logit, or not at all."""


class InferenceNet(nn.Module):
    """Normalise, apply the net, and compute probabilities, or targets in their own units.

    Tensors have the same names as in a task, so those of a checkpoint can be loaded.

    Args:
        net: The net.
        head: How its outputs become probabilities.
        scales_targets: Whether its outputs are scaled targets.
        is_calibrated: Whether its outputs are divided by a temperature.

    Shape:
        ``(N, *input_shape)``, uint8 or floating, to ``(N, K)`` and, unless the head is ``none``,
        ``(N, K)`` once more, which for ``sigmoid`` is ``(N, 2)``.
    """

    def __init__(
        self, net: Net, head: Head, *, scales_targets: bool = False, is_calibrated: bool = False
    ) -> None:
        super().__init__()
        self.net = net
        self.head: Head = head
        per_channel = (net.input_shape[0], *[1] * (len(net.input_shape) - 1))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(per_channel))
        self.std: Tensor
        self.register_buffer("std", torch.ones(per_channel))
        self.target_mean: Tensor | None
        self.register_buffer(
            "target_mean", torch.zeros(net.num_outputs) if scales_targets else None
        )
        self.target_std: Tensor | None
        self.register_buffer("target_std", torch.ones(net.num_outputs) if scales_targets else None)
        self.temperature: Tensor | None
        self.register_buffer("temperature", torch.ones(()) if is_calibrated else None)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return outputs, and probabilities unless the head is ``none``."""
        outputs = self.net(normalise(inputs, self.mean, self.std))
        if self.target_mean is not None and self.target_std is not None:
            outputs = outputs * self.target_std + self.target_mean
        if self.temperature is not None:
            outputs = outputs / self.temperature
        return (outputs,) if self.head == "none" else (outputs, probabilities(outputs, self.head))


def normalise(inputs: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Scale bytes to 0..1, then channels to mean 0 and variance 1 over the training images.

    Shape:
        inputs ``(N, C, ...)``, uint8 or floating; mean and std ``(C, 1, ...)``; result as inputs,
        in the precision of mean.
    """
    scaled = inputs.to(mean.dtype, copy=True)  # changed in place from here on
    if inputs.dtype == torch.uint8:
        scaled.div_(255)
    return scaled.sub_(mean).div_(std)


def probabilities(outputs: Tensor, head: Head) -> Tensor:
    """Return the probability of each class from a net's outputs.

    Shape:
        ``(N, K)`` to the same; with ``sigmoid`` ``(N, 1)`` to ``(N, 2)``.
    """
    if head == "sigmoid":
        # Not 1 - p, which is 0 where p is nearly 1.
        return torch.cat([-outputs, outputs], 1).sigmoid()
    return outputs.softmax(1)


def rebuild(
    description: Mapping[str, Any],
    input_shape: tuple[int, ...],
    num_outputs: int,
    head: Head,
    tensors: Mapping[str, Tensor],
    *,
    table: tuple[Sequence[Column], Mapping[str, Any]] | None = None,
    trust: bool = False,
) -> InferenceNet:
    """Rebuild a net from its description and tensors, ready for inference.

    Args:
        description: Class path and arguments.
        input_shape: Shape of one input.
        num_outputs: Number of outputs.
        head: How they become probabilities.
        tensors: All tensors by name; others than the net's are ignored.
        table: Columns of a table, and the arguments of their encoding.
        trust: Whether classes of other packages are allowed.

    Raises:
        ConfigError: The class is of another package and not trusted, or no net.
        ChecksumError: No net can be built from the description, or the tensors do not fit it.
    """
    net_class = _find_class(str(description.get("class_path")), trust=trust)
    try:
        # On meta no memory is taken for sizes that the tensors do not confirm.
        with torch.device("meta"):
            make: NetFactory = partial(net_class, **description.get("init_args", {}))
            if table is not None:
                columns, encoding = table
                make = partial(
                    TableNet, columns=columns, net=make, encoding=TableEncoding(**encoding)
                )
            net = make(input_shape, num_outputs)
            # Version 0.1 did not scale targets.
            scales_targets = head == "none" and "target_mean" in tensors
            is_calibrated = head != "none" and "temperature" in tensors
            rebuilt = InferenceNet(
                net, head, scales_targets=scales_targets, is_calibrated=is_calibrated
            )
    except Exception as error:  # a description from a file may be anything
        raise ChecksumError(f"the description of the net makes none: {error}") from error
    chosen = {}
    for name, expected in rebuilt.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape != expected.shape:
            shape = "missing" if found is None else f"of shape {tuple(found.shape)}"
            raise ChecksumError(f"{name} is {shape}, but the net wants {tuple(expected.shape)}")
        chosen[name] = found.float() if expected.is_floating_point() else found
    rebuilt.load_state_dict(chosen, assign=True)
    return rebuilt.requires_grad_(False).eval()


def _find_class(path: str, *, trust: bool) -> type[Net]:
    found: object = loaded_class(path)
    if found not in own_subclasses(Net):
        if not trust:
            raise ConfigError(
                f"the file names the class {path!r}, which is no net of mlp_lab. If you trust that "
                "file, add --trust."
            )
        try:
            found = pkgutil.resolve_name(path)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"the file names the class {path!r}, which cannot be imported."
            ) from error
    if not (isinstance(found, type) and issubclass(found, Net)):
        raise ConfigError(f"the file names {path!r}, which is no net.")
    return found
