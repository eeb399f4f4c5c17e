"""Build losses from class and arguments, and check that they fit the labels."""

import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import class_path

LossFactory = Callable[[], nn.Module]
"""A loss class with its own arguments bound."""

_MARGIN = 1e-6  # more than rounding makes

# Arguments that change the training loss alone; validation and test losses stay comparable.
_TRAINING_ONLY: dict[str, Any] = {
    "reduction": "mean",
    "weight": None,
    "pos_weight": None,
    "label_smoothing": 0.0,
}


def make_loss(factory: LossFactory, **settings: Any) -> nn.Module:
    """Build a loss, with more arguments from the task, whose buffers stay out of checkpoints.

    Raises:
        ConfigError: The loss does not accept its arguments, or holds tensors of its own.
    """
    try:
        loss = factory(**settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"model.loss cannot be made: {str(error).rstrip('.')}.") from error
    for name, buffer in list(loss._buffers.items()):  # named_buffers leaves out those that are None
        if buffer is not None and name not in settings:
            raise ConfigError(
                f"model.loss {type(loss).__name__} brings a tensor {name!r} along, which no "
                "checkpoint would keep. Use data.class_weights, or model.pos_weight."
            )
        loss.register_buffer(name, buffer, persistent=False)
    return loss


def make_scoring_loss(factory: LossFactory) -> nn.Module:
    """Build the loss for validation and test: the mean, without weights or smoothing."""
    accepted = inspect.signature(type(make_loss(factory))).parameters
    return make_loss(factory, **{k: v for k, v in _TRAINING_ONLY.items() if k in accepted})


def describe_loss(loss: nn.Module) -> dict[str, Any]:
    """Describe a loss in plain types: its class path and arguments.

    Example:
        >>> describe_loss(nn.HuberLoss(delta=0.5))["init_args"]
        {'reduction': 'mean', 'delta': 0.5}
    """
    arguments = {
        name: value
        for name in inspect.signature(type(loss)).parameters
        if isinstance(value := getattr(loss, name, None), str | int | float | bool)
    }
    return {"class_path": class_path(type(loss)), "init_args": arguments}


def check_loss(
    loss: nn.Module, better: Tensor, worse: Tensor, targets: Tensor, alternatives: Sequence[str]
) -> None:
    """Refuse a loss that does not rank better outputs below worse ones.

    A trial run alone would accept NLLLoss of logits, which has no lower bound, CrossEntropyLoss of
    a single logit, which is always 0, or MSELoss between a logit and a class.

    Args:
        loss: The loss.
        better: Outputs that fit each target.
        worse: Outputs that fit each target less well.
        targets: Targets, more rows than there are outputs, so that shapes do not fit by accident.
        alternatives: Names of losses that fit, for the message.

    Raises:
        ConfigError: The loss raises an error, returns more than one number, is negative for the
            better outputs, or for any row not lower for them than for the worse ones.
    """

    def ranks(low: Tensor, high: Tensor, target: Tensor) -> bool:
        return 0 <= float(loss(low, target)) < float(loss(high, target)) - _MARGIN < math.inf

    reason = ""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")  # PyTorch warns of targets that it broadcasts
        try:
            if loss(better, targets).ndim:
                reason = "it gives more than one number"
            elif not all(map(ranks, *(torch.split(part, 1) for part in (better, worse, targets)))):
                reason = "it does not fall as outputs come nearer to the labels"
        except Exception as error:  # a loss from any package may raise anything
            reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
    if reason:
        raise ConfigError(
            f"model.loss {type(loss).__name__} cannot score outputs of shape "
            f"(N, {better.shape[1]}) against the labels of these data: {reason}. "
            f"Losses that can: {', '.join(alternatives)}."
        )
