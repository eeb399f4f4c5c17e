"""Refuse to resume a run as another one than it was, before any data are read. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.errors import ConfigError
from mlp_lab.runs.origin import Origin
from mlp_lab.settings import is_typed


def refuse_changes(
    origin: Origin, changed: Sequence[str], configs: Sequence[str], flags: Sequence[str]
) -> None:
    """Refuse settings that would change what a resumed run learns.

    Args:
        origin: The run, with its configuration.
        changed: Settings that are not the run's, and change its training.
        configs: The configuration files that were typed.
        flags: The other words that were typed.

    Raises:
        ConfigError: There is one.
    """
    if not changed:
        return
    if configs and not is_typed(flags, changed[0]):
        raise ConfigError(
            f"{changed[0]} of {configs[-1]} is not what the run began with, so going on would be "
            "no run of either setting. A resumed run has its configuration: leave out --config."
        )
    raise ConfigError(
        f"{changed[0]} is not what the run began with, so going on would be no run of "
        "either setting. Leave it out, or begin a new run: "
        f"mlp-lab fit --config {origin.config_place} {' '.join(flags)}"
    )


def refuse_other_horizon(origin: Origin, config: Mapping[str, Any], schedule: str) -> None:
    """Refuse another length of the training, over which its schedule stretches.

    Raises:
        ConfigError: The run began with another one.
    """
    for key in ("max_epochs", "max_steps"):
        before, now = (settings["trainer"][key] for settings in (origin.config, config))
        if before != now:
            raise ConfigError(
                f"trainer.{key} is {now}, but the run began with {before}, and its schedule "
                f"{schedule} stretches over all of it. Leave it out, or begin a new run: "
                f"mlp-lab fit --config {origin.config_place} --trainer.{key} {now}"
            )


def refuse_other_processes(origin: Origin, processes: int) -> None:
    """Refuse another number of processes, which would change how many samples a step takes.

    Args:
        origin: The run.
        processes: How many there are now.

    Raises:
        ConfigError: The run began with another number.
    """
    before = origin.run.read_manifest().get("processes", processes) if origin.run else processes
    if before != processes:
        raise ConfigError(
            f"{origin.config_place!r} began with {before} processes, and now it would be "
            f"{processes}: a step takes a batch of each, so going on would be no run of either "
            "number. Give as many by --trainer.devices and --trainer.num_nodes, or begin a new "
            f"run: mlp-lab fit --config {origin.config_place}"
        )
