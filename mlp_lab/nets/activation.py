"""Find activations by name."""

import inspect
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from mlp_lab.errors import ConfigError, did_you_mean


def find_activation(name: str) -> Callable[[], nn.Module]:
    """Return a factory of the activation of torch.nn called ``name``.

    Raises:
        ConfigError: torch.nn has none, or it needs arguments or changes the shape.

    Example:
        >>> find_activation("GELU")()
        GELU(approximate='none')
    """
    classes = {
        key: cls
        for key, cls in vars(nn.modules.activation).items()
        if key in nn.modules.activation.__all__
    }
    if name not in classes:
        raise ConfigError(
            f"model.net.activation is {name!r}, which torch.nn does not have. "
            f"{did_you_mean(name, classes)}"
        )
    cls: Callable[..., nn.Module] = classes[name]
    over_features = {"dim": -1} if "dim" in inspect.signature(cls).parameters else {}  # softmax
    make = partial(cls, **over_features)
    features = torch.zeros(1, 2)
    try:
        keeps_shape = make()(features).shape == features.shape
    except (TypeError, ValueError, AssertionError):
        keeps_shape = False
    if not keeps_shape:
        raise ConfigError(
            f"model.net.activation is {name!r}, which cannot stand after a linear layer: it needs "
            "arguments or changes the number of features. Try ReLU, GELU, SiLU or Tanh."
        )
    return make
