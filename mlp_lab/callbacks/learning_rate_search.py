"""Find a learning rate before training, and draw how it was found."""

import io
import sys
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import LearningRateFinder

from mlp_lab.errors import ConfigError
from mlp_lab.plots import plot_learning_rate_search, write_figure
from mlp_lab.tasks import Task

# The first losses, over which smoothing has not settled: half of its value at the first of them.
_SKIPPED = 10


class LearningRateSearch(LearningRateFinder):
    """Train some steps at a rising learning rate, and take the one where the loss falls fastest.

    Fastest for each unit of the rate, as Lightning's finder has it: on the careful side. The
    weights are put back afterwards. ``plots/learning_rate_search.png`` shows the search; a resumed
    run keeps what was found.

    Args:
        min_lr: The rate to begin with.
        max_lr: The rate to end with.
        num_training_steps: Steps between the two.
        early_stop_threshold: The search ends when the loss is so many times its lowest.

    Raises:
        ConfigError: The two rates are not in order.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
        https://arxiv.org/abs/1506.01186.
    """

    def __init__(
        self,
        min_lr: float = 1e-6,
        max_lr: float = 1.0,
        num_training_steps: int = 100,
        early_stop_threshold: float = 4.0,
    ) -> None:
        if not 0 < min_lr < max_lr:
            raise ConfigError(
                f"min_lr of LearningRateSearch is {min_lr}; it must lie between 0 and max_lr, "
                f"{max_lr}."
            )
        if num_training_steps <= 2 * _SKIPPED:
            raise ConfigError(
                f"num_training_steps of LearningRateSearch is {num_training_steps}; the first "
                f"{_SKIPPED} do not count, so give more than {2 * _SKIPPED}."
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
            self.learning_rate = self.optimal_lr.suggestion(skip_begin=_SKIPPED)
            self._draw(trainer)
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

    def _draw(self, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        assert self.optimal_lr is not None
        results = self.optimal_lr.results
        figure = plot_learning_rate_search(
            results["lr"][_SKIPPED:], results["loss"][_SKIPPED:], self.learning_rate
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
