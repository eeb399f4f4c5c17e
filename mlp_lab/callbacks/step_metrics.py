"""Loss, accuracy and learning rate of every training step, without slowing the loop."""

import itertools
import math
import time
from bisect import bisect
from collections.abc import Mapping
from operator import itemgetter
from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlp_lab.callbacks.finite_check import require_finite_steps
from mlp_lab.callbacks.result import find_data
from mlp_lab.loggers import run_loggers

_SECONDS_BETWEEN_FLUSHES = 5.0


class StepMetrics(pl.Callback):
    """Collect what each step returns on the device, and hand it to the loggers in blocks.

    Reading a number off the device waits for the device; logging each step the usual way makes a
    small net's step twice as long. Every key of the steps' results that starts with ``train/`` is
    collected. metrics.csv and the trackers get every step, TensorBoard and other loggers of
    Lightning every ``log_every_n_steps``-th, and at least one in each epoch. Where a step gathers
    the gradients of several batches, its numbers are their means. With several processes the steps
    are the first one's, on its share of each batch.

    Attributes:
        epoch_means: Mean over the steps of the epoch so far, by key; a small last batch counts like
            any other.
    """

    def __init__(self) -> None:
        self.epoch_means: dict[str, float] = {}
        self._steps: list[int] = []
        self._learning_rates: list[float] = []
        self._values: dict[str, list[Tensor]] = {}
        self._sums: dict[str, float] = {}
        self._num_steps = 0
        self._steps_done = 0
        self._last_flush = 0.0
        self._every = 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop the rows that a resumed run is about to repeat."""
        self._steps_done = trainer.global_step
        self._every = _steps_between_logs(trainer)
        for logger in run_loggers(trainer.loggers):
            logger.go_back(trainer.global_step)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's means anew."""
        self._sums, self._num_steps = {}, 0
        self._last_flush = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the tensors of the step, or of several, where they are."""
        steps = outputs["steps"] if "steps" in outputs else _as_steps(outputs)
        rates, done = steps["lr"], trainer.global_step
        if done > self._steps_done:
            self._steps += range(done - len(rates) + 1, done + 1)
        else:  # a part of the step to come
            self._steps.append(done + 1)
        self._steps_done = done
        self._learning_rates += rates
        for key, values in steps.items():
            if key.startswith("train/"):
                self._values.setdefault(key, []).append(values)
        if time.monotonic() - self._last_flush > _SECONDS_BETWEEN_FLUSHES:
            self._flush(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hand over the epoch's steps before its validation is logged."""
        self._flush(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hand over what is left, where there was no validation."""
        self._flush(trainer)

    def _flush(self, trainer: pl.Trainer) -> None:
        """Read the collected numbers off the device at once, and log them."""
        self._last_flush = time.monotonic()
        whole = bisect(self._steps, self._steps_done)  # of a step to come there may be a part
        if not whole:
            return
        steps, self._steps = self._steps[:whole], self._steps[whole:]
        rates, self._learning_rates = self._learning_rates[:whole], self._learning_rates[whole:]
        collected = {key: torch.cat(blocks) for key, blocks in self._values.items()}
        columns = {key: values[:whole].tolist() for key, values in collected.items()}
        self._values = {key: [values[whole:]] for key, values in collected.items()}
        self._num_steps += whole
        sums = {key: sum(values) for key, values in columns.items()}
        self._sums = {key: self._sums.get(key, 0.0) + value for key, value in sums.items()}
        self.epoch_means = {key: total / self._num_steps for key, total in self._sums.items()}

        loggers = run_loggers(trainer.loggers)
        if loggers or not all(map(math.isfinite, (*sums.values(), *rates))):
            rows = _rows_by_step(steps, rates, columns)
            epoch = trainer.current_epoch + 1
            block = [{"epoch": epoch, "step": step, **row} for step, row in rows.items()]
            for logger in loggers:
                logger.log_rows(block, self._every)
                logger.save()
            require_finite_steps(rows)


def _rows_by_step(
    steps: list[int], rates: list[float], columns: Mapping[str, list[float]]
) -> dict[int, dict[str, float]]:
    """Return the metrics of each step, the means of those of its batches, and its rate."""
    rows = {}
    batches = zip(steps, rates, *columns.values(), strict=True)
    for step, group in itertools.groupby(batches, key=itemgetter(0)):
        _, (*_, rate), *values = zip(*group, strict=True)
        rows[step] = dict(zip(columns, map(fmean, values), strict=True)) | {"lr": rate}
    return rows


def _as_steps(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module of the user's own returns of one step as that of several."""
    metrics = {key: v.detach().reshape(1) for key, v in step.items() if key.startswith("train/")}
    return {"lr": [step["lr"]], **metrics}


def _steps_between_logs(trainer: pl.Trainer) -> int:
    """Return ``log_every_n_steps``, or the number of steps in an epoch where that is less."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by a connector
    data = find_data(trainer)
    if data is None:
        return every
    return min(every, -(-data.steps_per_epoch // trainer.accumulate_grad_batches))
