"""From a loss's class and arguments to a loss that is known to fit the labels."""

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
"""A loss class with its own arguments, still to be made."""

_MARGIN = 1e-6  # more than rounding makes

# What shapes a loss for training alone; scores are compared without it.
_TRAINING_ONLY: dict[str, Any] = {
    "reduction": "mean",
    "weight": None,
    "pos_weight": None,
    "label_smoothing": 0.0,
}


def make_loss(factory: LossFactory, **settings: Any) -> nn.Module:
    """Make a loss whose buffers stay out of checkpoints.

    Args:
        factory: Class of the loss and its arguments.
        settings: Arguments that come from elsewhere.

    Raises:
        ConfigError: The loss does not take its arguments, or brings tensors along.
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


def takes_weights(loss: nn.Module) -> bool:
    """Whether a loss weighs classes or samples by a tensor ``weight``."""
    return "weight" in loss._buffers


def make_scoring_loss(factory: LossFactory) -> nn.Module:
    """Make the loss that scores validation and test: a mean without weights or smoothing."""
    taken = inspect.signature(type(make_loss(factory))).parameters
    return make_loss(factory, **{k: v for k, v in _TRAINING_ONLY.items() if k in taken})


def describe_loss(loss: nn.Module) -> dict[str, Any]:
    """Say a loss in plain types: its class and the arguments it was made with.

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
    loss: nn.Module, right: Tensor, wrong: Tensor, targets: Tensor, alternatives: Sequence[str]
) -> None:
    """Refuse a loss that cannot tell right outputs from wrong ones for the labels of these data.

    Args:
        loss: The loss.
        right: Outputs that say what ``targets`` says.
        wrong: Outputs that say so less.
        targets: Labels in their form, more than there are outputs.
        alternatives: Losses that can.

    Raises:
        ConfigError: It fails, gives no single number, a negative one for what is right, or for any
            of the samples no higher one for what is wrong.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")  # of shapes that only happen to fit
        reason = None
        try:
            whole = loss(right, targets)
            if whole.ndim:
                reason = "it gives more than one number"
            for row in range(len(targets)):
                one = slice(row, row + 1)
                low, high = (float(loss(outputs[one], targets[one])) for outputs in (right, wrong))
                if not (0 <= low < high < math.inf and high - low > _MARGIN):
                    reason = reason or "it does not fall as outputs come nearer to the labels"
        except Exception as error:  # a loss of anybody's may raise anything
            reason = reason or str(error).split("\n")[0].rstrip(".")
    if reason:
        raise ConfigError(
            f"model.loss {type(loss).__name__} cannot score outputs of shape "
            f"(N, {right.shape[1]}) against the labels of these data: {reason}. "
            f"Losses that can: {', '.join(alternatives)}."
        )
