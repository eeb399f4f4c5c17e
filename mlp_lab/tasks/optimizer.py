"""Build optimisers from class and arguments."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Literal

from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, SparseAdam

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import class_path, plain

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""An optimiser class with its own arguments, to be called with the parameters."""

Decayed = Literal["weights", "all"]
"""Parameters that weight decay applies to: weights alone, or biases and norms too."""

# Devices and optimisers with one kernel for all parameters; PyTorch does not pick it by itself.
_FUSED: dict[str, tuple[type[Optimizer], ...]] = {
    "cpu": (SGD, Adam, AdamW, Adagrad),
    "cuda": (SGD, Adam, AdamW),
}


def make_optimizer(
    factory: OptimizerFactory,
    parameters: Iterable[nn.Parameter],
    *,
    decayed: Decayed = "weights",
    may_fuse: bool = True,
) -> Optimizer:
    """Build an optimiser, fused where the parameters' device has that and no other choice is made.

    Weight decay leaves out parameters of fewer than two dimensions: biases, and the scales of
    norms, which have no reason to be small.

    Args:
        factory: Class of the optimiser and its arguments.
        parameters: Parameters to optimise; frozen ones are left out.
        decayed: Parameters that weight decay applies to.
        may_fuse: Whether the training allows a fused optimiser.

    Raises:
        ConfigError: The optimiser does not accept its arguments or the parameters.

    Example:
        >>> net = nn.Linear(2, 3)
        >>> optimizer = make_optimizer(AdamW, net.parameters())
        >>> [(len(g["params"]), g["weight_decay"]) for g in optimizer.param_groups]
        [(1, 0.01), (1, 0.0)]
    """
    trained = [p for p in parameters if p.requires_grad]
    try:
        optimizer = factory(trained)
        settings: dict[str, Any] = {}
        if may_fuse and _can_fuse(optimizer):
            settings["fused"] = True
        groups: list[Any] = trained
        others = [p for p in trained if p.ndim < 2]
        if decayed == "weights" and others and optimizer.defaults.get("weight_decay"):
            weights = [p for p in trained if p.ndim >= 2]
            groups = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
        if settings or groups is not trained:
            optimizer = factory(groups, **settings)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise ConfigError(f"model.optimizer cannot be made: {reason}.") from error
    if isinstance(optimizer, SparseAdam):
        raise ConfigError("model.optimizer SparseAdam is for sparse gradients; try Adam.")
    return optimizer


def describe_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Describe an optimiser in plain types: its class path and arguments.

    Example:
        >>> describe_optimizer(SGD(nn.Linear(1, 1).parameters()))["class_path"]
        'torch.optim.sgd.SGD'
    """
    cls = type(optimizer)
    known = inspect.signature(cls).parameters
    arguments = {name: plain(v) for name, v in optimizer.defaults.items() if name in known}
    return {"class_path": class_path(cls), "init_args": arguments}


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether a step evaluates the loss several times, as that of LBFGS does."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _can_fuse(optimizer: Optimizer) -> bool:
    devices = {p.device.type for group in optimizer.param_groups for p in group["params"]}
    if not all(isinstance(optimizer, _FUSED.get(device, ())) for device in devices):
        return False
    defaults = optimizer.defaults
    chosen = defaults["fused"] is not None or defaults.get("foreach") is not None
    return not chosen and not defaults.get("differentiable") and not defaults.get("capturable")
