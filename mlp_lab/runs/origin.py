"""What a command starts from: nothing, a run, or a checkpoint. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlp_lab.runs.config import flatten
from mlp_lab.runs.run import Run
from mlp_lab.settings import Effect, find_setting


@dataclass(frozen=True)
class Origin:
    """A run or checkpoint that a command works on, and its configuration.

    Attributes:
        run: The run; None for a new one, or for a checkpoint that lies in no run.
        checkpoint: The checkpoint to start from.
        config: Configuration of the run or the checkpoint.
        config_place: Where that was found.
        resumes: Whether a training goes on in ``run``.
        trusted: Whether all settings are the user's own: typed, or of a run that this user began
            here, or trusted by ``--trust``.
        own_modules: Files of the modules that classes of the user's own were taken from, by name.
    """

    run: Run | None = None
    checkpoint: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    config_place: str = ""
    resumes: bool = False
    trusted: bool = True
    own_modules: dict[str, str] = field(default_factory=dict)

    def changed_settings(self, config: Mapping[str, Any], effect: Effect) -> list[str]:
        """List the settings that ``config`` has otherwise, and that have an effect."""
        before, now = flatten(self.config), flatten(config)
        return [
            key
            for key in sorted(before | now)
            if effect in find_setting(key).changes and before.get(key) != now.get(key)
        ]
