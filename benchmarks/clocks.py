"""Callbacks with which bench.py looks into a fit of its own command line."""

import json
import os
import sys
import time
from typing import Any

import lightning.pytorch as pl


class ExitAtFirstStep(pl.Callback):
    """End the process at once, so that its wall time is the time to the first step."""

    def on_after_backward(self, *args: Any) -> None:
        """Leave; what follows is no start-up."""
        os._exit(0)


class EpochClock(pl.Callback):
    """Note when epochs start, and when their training part ends; print it at the end.

    It belongs first among the callbacks, where the user's own are: then what the others do at an
    epoch's start counts, and so does what they do before validation, whose epoch starts after every
    ``on_validation_start``.
    """

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._stops: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the start of an epoch, and with it the end of the one before."""
        self._starts.append(time.perf_counter())

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the training part."""
        self._stops.append(time.perf_counter())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the training part, where there was no validation."""
        if len(self._stops) < len(self._starts):
            self._stops.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the last epoch, and print the seconds as JSON."""
        self._starts.append(time.perf_counter())
        print(json.dumps(self.seconds), file=sys.stderr)

    @property
    def seconds(self) -> dict[str, list[float]]:
        """Seconds of each epoch: of its training part, and with its validation and checkpoints."""
        starts, ends = self._starts[:-1], self._starts[1:]
        return {
            "train": [stop - start for start, stop in zip(starts, self._stops, strict=True)],
            "whole": [end - start for start, end in zip(starts, ends, strict=True)],
        }
