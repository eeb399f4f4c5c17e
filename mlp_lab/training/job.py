"""What is to be done, once the command line is parsed: the parts, made but not yet used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl

from mlp_lab.data import LabDataModule
from mlp_lab.runs.config import flatten
from mlp_lab.runs.origin import Origin
from mlp_lab.settings import Effect, find_setting
from mlp_lab.tasks import Task


@dataclass(frozen=True)
class Job:
    """A task, its data, and how they are trained or tested.

    Attributes:
        task: What is learned.
        data: What it is learned from.
        settings: All settings by name; callbacks, loggers and so on of the trainer are made.
        config: The same in plain types, as config.yaml holds them.
        origin: The run or checkpoint to start from.
        configs: The configuration files that were typed.
        flags: All other words that were typed.
        command: The whole command line.
    """

    task: Task
    data: LabDataModule
    settings: Any
    config: dict[str, Any]
    origin: Origin
    configs: Sequence[str]
    flags: Sequence[str]
    command: Sequence[str] = ()

    @property
    def trainer(self) -> Any:
        """The settings of the trainer."""
        return self.settings.trainer

    @property
    def is_overfit_check(self) -> bool:
        """Whether a few batches are learnt by heart, and nothing is tested."""
        return bool(self.trainer.overfit_batches) and not self.trainer.fast_dev_run

    @property
    def user_callbacks(self) -> list[pl.Callback]:
        """The callbacks that the configuration asks for."""
        callbacks = self.trainer.callbacks or []
        return callbacks if isinstance(callbacks, list) else [callbacks]

    def changed_settings(self, effect: Effect) -> list[str]:
        """List the settings that are not those of the origin, and that have an effect."""
        if not (self.configs or self.flags):
            return []  # a default may have changed between versions
        before, now = flatten(self.origin.config), flatten(self.config)
        for key, value in self.origin.decided.items():
            if now.get(key) is not None:  # else it is decided as it was
                before.setdefault(key, value)
        changed = []
        for key in sorted(before | now):
            setting = find_setting(key)
            values = [config.get(key, setting.absent) for config in (before, now)]
            if effect in setting.changes and values[0] != values[1]:
                changed.append(key)
        return changed
