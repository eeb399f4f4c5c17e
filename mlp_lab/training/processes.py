"""How many processes a training asks for, and whether it can have them."""

import os
from collections.abc import Mapping
from typing import Any

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import (
    DDPStrategy,
    SingleDeviceStrategy,
    Strategy,
    StrategyRegistry,
)

from mlp_lab.errors import ConfigError
from mlp_lab.training.hardware import count_devices


def count_processes(trainer: Mapping[str, Any]) -> int:
    """Return how many processes the settings of a trainer ask for, on all machines."""
    return count_devices(trainer) * int(trainer["num_nodes"])


def require_one_process(trainer: Mapping[str, Any], why: str) -> None:
    """Refuse settings of a trainer that ask for several processes.

    Args:
        trainer: The settings.
        why: Why there must be one, and what to do: the end of the sentence.

    Raises:
        ConfigError: They do.
    """
    if (processes := count_processes(trainer)) > 1:
        raise ConfigError(
            f"trainer.devices and trainer.num_nodes ask for {processes} processes, and {why}"
        )


def check_processes(trainer: Mapping[str, Any]) -> None:
    """Refuse a strategy that cannot work, and another number of processes than were started.

    Raises:
        ConfigError: One of them.
    """
    _check_strategy(trainer["strategy"])
    processes = count_processes(trainer)
    launcher, started = find_launcher()
    if launcher is None:
        _check_alone(trainer["num_nodes"])
    elif started != processes:
        raise ConfigError(
            f"{launcher} has started {started} processes, and trainer.devices times "
            f"trainer.num_nodes is {processes}. Type --trainer.devices with the number of each "
            "machine, and --trainer.num_nodes with the number of machines."
        )


def _check_strategy(strategy: str | Strategy) -> None:
    if strategy == "auto":
        return
    if isinstance(strategy, str):
        try:
            known = StrategyRegistry[strategy]
        except KeyError:
            return  # the Trainer names those that there are
        kind = known["strategy"]
        forks = known["init_params"].get("start_method", "popen") != "popen"
        name = strategy
    else:
        kind, name = type(strategy), type(strategy).__name__
        forks = getattr(strategy, "_start_method", "popen") != "popen"
    if forks or not (kind is DDPStrategy or issubclass(kind, SingleDeviceStrategy)):
        raise ConfigError(
            f"trainer.strategy is {name}; a net is whole in each process here, and each process is "
            "the same command, as with auto and ddp. Take one of these."
        )


def find_launcher() -> tuple[str | None, int]:
    """Return what has started this process as one of several, and how many it has started."""
    if TorchElasticEnvironment.detect():
        return "torchrun", int(os.environ["WORLD_SIZE"])
    # A batch script has a number of tasks too, of which it is none itself.
    if SLURMEnvironment.detect() and "SLURM_STEP_ID" in os.environ:
        return "srun", int(os.environ["SLURM_NTASKS"])
    return None, 1


def _check_alone(num_nodes: int) -> None:
    if num_nodes > 1 or os.environ.get("NODE_RANK", "0") != "0":
        raise ConfigError(
            f"trainer.num_nodes is {num_nodes} and NODE_RANK {os.environ.get('NODE_RANK', 'unset')}"
            ", but nothing has started this process as one of several machines: start it with "
            "torchrun or srun."
        )
