"""Refuse to resume a run as another one than it was, before any data are read. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.errors import ConfigError
from mlp_lab.processes.threads import count_cores
from mlp_lab.runs.origin import Origin
from mlp_lab.runs.run import Run


def refuse_changes(origin: Origin, changed: Sequence[str], flags: Sequence[str]) -> None:
    """Refuse settings that would change what a resumed run learns.

    Args:
        origin: The run, with its configuration.
        changed: Settings that are not the run's, and change its training.
        flags: The words that were typed.

    Raises:
        ConfigError: There is one.
    """
    if changed:
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


def restore_threads(run: Run) -> None:
    """Compute with as many threads as a run began with: a sum's last bits depend on it.

    Raises:
        ConfigError: There are fewer cores, where torch splits the work in another way.
    """
    import torch

    began = run.read_manifest().get("threads")
    if not isinstance(began, int) or began == torch.get_num_threads():
        return  # an older run does not record it
    cores = count_cores()
    if not 1 <= began <= cores:
        raise ConfigError(
            f"{str(run.dir)!r} began with {began} threads, and here are {cores} cores, which "
            "would give other numbers. Go on where there are as many, or begin a new run."
        )
    torch.set_num_threads(began)
    print(f"threads: {began}, as the run began")
