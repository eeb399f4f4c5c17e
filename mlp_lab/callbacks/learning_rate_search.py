"""Find a learning rate before training, and draw how it was found."""

import io
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import LearningRateFinder

from mlp_lab.errors import ConfigError
from mlp_lab.evaluation.range_test import RangeTest, evaluate_range_test
from mlp_lab.plots import plot_learning_rate_search, write_figure
from mlp_lab.tasks import Task

_MIN_STEPS = 20
_BETA = 0.98  # of Lightning's running average


class LearningRateSearch(LearningRateFinder):
    """Train some steps at a rising learning rate, and take the one where the loss falls steepest.

    Steepest over the logarithm of the rate, of losses that are smoothed over it. The weights are
    put back afterwards. ``plots/learning_rate_search.png`` shows the search, and beside the rate
    taken the one that fastai's rule, the valley, would take; a resumed run keeps what was found.

    Args:
        min_lr: The rate to begin with.
        max_lr: The rate to end with.
        num_training_steps: Steps between the two. With many more than five for each decade, the
            net has learnt at lower rates what a higher one could show, and a lower rate is found.
        early_stop_threshold: The search ends when the loss is so many times its lowest.

    Raises:
        ConfigError: The two rates are not in order, or there are too few steps.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
        https://arxiv.org/abs/1506.01186. Lightning's own finder takes the slope over the rate
        itself, which leans to low rates: https://github.com/Lightning-AI/pytorch-lightning/pull/21171.
    """

    def __init__(
        self,
        min_lr: float = 1e-6,
        max_lr: float = 10.0,
        num_training_steps: int = 35,
        early_stop_threshold: float = 4.0,
    ) -> None:
        if not 0 < min_lr < max_lr:
            raise ConfigError(
                f"min_lr of LearningRateSearch is {min_lr}; it must lie between 0 and max_lr, "
                f"{max_lr}."
            )
        if num_training_steps <= _MIN_STEPS:
            raise ConfigError(
                f"num_training_steps of LearningRateSearch is {num_training_steps}; give more than "
                f"{_MIN_STEPS}, or there is no slope to see."
            )
        super().__init__(
            min_lr=min_lr,
            max_lr=max_lr,
            num_training_steps=num_training_steps,
            early_stop_threshold=early_stop_threshold,
            update_attr=False,
        )
        self.learning_rate: float | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Search, unless the run goes on from a checkpoint or fast_dev_run leaves no room."""
        assert isinstance(pl_module, Task)
        if trainer.ckpt_path is None and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set by a connector
            self._search(trainer, pl_module)
            assert self.optimal_lr is not None
            results = self.optimal_lr.results
            test = evaluate_range_test(results["lr"], _losses_of_steps(results["loss"]))
            self.learning_rate = test.steepest
            self._draw(trainer, test)
        if self.learning_rate is not None:
            pl_module.learning_rate = self.learning_rate
            # Optimiser and schedule have been made with the old rate.
            trainer.strategy.setup_optimizers(trainer)

    def _search(self, trainer: pl.Trainer, task: Task) -> None:
        """Search, however few epochs are to come, and with no bar in a file."""
        for left_by_a_kill in Path(trainer.default_root_dir).glob(".lr_find_*.ckpt"):
            left_by_a_kill.unlink()
        loop = trainer.fit_loop
        max_epochs = loop.max_epochs
        loop.max_epochs = -1
        try:
            with nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO()):
                self.lr_find(trainer, task)
        finally:
            loop.max_epochs = max_epochs

    def _draw(self, trainer: pl.Trainer, test: RangeTest) -> None:
        if not trainer.is_global_zero:
            return
        rules = {"steepest slope": test.steepest, "valley": test.valley}
        candidates = {rule: rate for rule, rate in rules.items() if rate is not None}
        figure = plot_learning_rate_search(
            *(test.rates, test.losses, test.smoothed, candidates), chosen="steepest slope"
        )
        path = Path(trainer.default_root_dir) / "plots" / "learning_rate_search.png"
        write_figure(figure, path)
        found = "none stands out" if self.learning_rate is None else f"{self.learning_rate:.2g}"
        print(f"learning rate: {found}, see {path}")

    def state_dict(self) -> dict[str, Any]:
        """Return what was found."""
        return {"learning_rate": self.learning_rate}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what was found."""
        self.learning_rate = state_dict["learning_rate"]


def _losses_of_steps(averages: Sequence[float]) -> list[float]:
    """Undo Lightning's running average, which lags by 50 steps and rises where nothing is learnt.

    Its correction for the start, ``1 - beta ** (step + 1)``, is one power too far: the first value
    is half of the first loss.
    """
    sums = np.append(0.0, averages * (1 - _BETA ** np.arange(2, len(averages) + 2)))
    losses: list[float] = ((sums[1:] - _BETA * sums[:-1]) / (1 - _BETA)).tolist()
    return losses
