"""plots/importance.png: which columns of a table the net relies on."""

from functools import partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray

from mlp_lab.callbacks.extra_scores import score_samples
from mlp_lab.callbacks.result import PlotCallback, find_data, find_evaluation
from mlp_lab.data import Samples, SampleSubset
from mlp_lab.evaluation.importance import permutation_importance
from mlp_lab.nets import measure_net
from mlp_lab.plots import plot_column_importances
from mlp_lab.seeding import generator
from mlp_lab.tasks import Task

_NUM_REPEATS = 5
# These bound the time, to about half a second on one core.
_MOST_PRODUCTS = 2e9
_MOST_ROWS = 4000
_MOST_COLUMNS = 250
_FEWEST_ROWS = 50  # too few to tell anything


class ImportancePlot(PlotCallback):
    """Plot how far the score of the test falls when a column of a table is shuffled.

    The score is the task's if higher is better, else the first such: accuracy, or R². It is
    measured on as many test samples, drawn once, as about half a second allows, at most 4,000;
    where that allows fewer than 50, or there are more than 250 columns, nothing is drawn.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plot it, where the inputs are columns."""
        data = find_data(trainer)
        if not (trainer.is_global_zero and data and data.columns and find_evaluation(pl_module)):
            return
        assert isinstance(pl_module, Task)
        test, names = data.subsets["test"], [column["name"] for column in data.columns]
        products = len(names) * _NUM_REPEATS * max(measure_net(pl_module.net).connections, 1)
        num_rows = min(len(test), _MOST_ROWS, int(_MOST_PRODUCTS / products))
        if len(names) > _MOST_COLUMNS or num_rows < min(len(test), _FEWEST_ROWS):
            return
        drawn = torch.randperm(len(test), generator=generator(0))[:num_rows]
        inputs, labels = (part.numpy() for part in test[drawn])
        metric = _rising_metric(pl_module)
        # Here and now, since the net may be on a GPU.
        drops = permutation_importance(
            partial(_score, pl_module, metric), inputs, labels, num_repeats=_NUM_REPEATS
        )
        title = pl_module.metric_names.get(metric, metric)
        draw = partial(plot_column_importances, drops, names, title, num_rows)
        self.plot(trainer, "importance", draw)


def _rising_metric(task: Task) -> str:
    """Return the task's score, or if that falls as the net learns, the first that rises."""
    rising = [key for key, mode in task.score_modes.items() if mode == "max"]
    score = task.score if task.score in rising or not rising else rising[0]
    return score.removeprefix("val/")


def _score(task: Task, metric: str, inputs: NDArray[np.float32], labels: NDArray[Any]) -> float:
    samples = Samples(torch.from_numpy(inputs), torch.from_numpy(labels))
    subset = SampleSubset(samples, torch.arange(len(samples)))
    return score_samples(task, subset, len(samples)).metrics[metric]
