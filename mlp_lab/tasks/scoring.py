"""How samples are scored: sums that add up over batches and processes, and metrics of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mlp_lab.data import Batch, LabDataModule
from mlp_lab.data.source import batches_of
from mlp_lab.evaluation.evaluation import Evaluation, Gatherer, Scores
from mlp_lab.tasks.multi_step import MultiStepModule

Stage = Literal["val", "test"]

ScoredOn = Literal["test_before", "train_eval"]
"""The test set before training, and the training set without augmentation or dropout."""


class ScoringModule(MultiStepModule, ABC):
    """Validate and test by sums over samples, which are divided once at the epoch's end.

    So a last small batch counts by its size, and several processes give the same result as one.

    Attributes:
        score: Metric that picks the best checkpoint, and stopping and plateau follow.
        evaluation: What the last test found; None before one.
        scores: What callbacks have scored beside it.
        temperature: What calibration divides the net's logits by; None without calibration.
    """

    score: str
    temperature: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.evaluation: Evaluation | None = None
        self.scores: dict[ScoredOn, Scores] = {}
        self._totals: dict[str, Tensor] = {}
        self._outputs, self._labels = Gatherer(), Gatherer()

    @property
    def fitted_temperature(self) -> float | None:
        """The temperature that calibration has found; None where there is none, or it is 1."""
        found = 1.0 if self.temperature is None else float(self.temperature)
        return None if found == 1 else found

    @abstractmethod
    def batch_totals(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return sums over a batch that add up over batches and processes."""

    @abstractmethod
    def probabilities(self, outputs: Tensor) -> Tensor | None:
        """Return the probability of each class, ``(N, K)``; None where there are no classes."""

    @abstractmethod
    def metrics_of(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the metrics of an evaluation from its sums."""

    def observe_score(self, score: float) -> None:
        """Learn the score of a validation in a training."""

    def validation_step(self, batch: Batch | list[Batch], batch_idx: int) -> None:
        """Add a batch, or each of a list, to the sums."""
        for inputs, labels in batches_of(batch):
            add_totals(self._totals, self.batch_totals(self(inputs), labels))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the sums, computed in the weights' own precision as in an exported net."""
        inputs, labels = batch
        with torch.autocast(self.device.type, enabled=False):
            outputs = self(inputs)
            add_totals(self._totals, self.batch_totals(outputs, labels))
        self._outputs.add(outputs.float())
        self._labels.add(labels)

    def on_validation_epoch_start(self) -> None:
        """Start the sums anew."""
        self._totals = {}

    def on_test_epoch_start(self) -> None:
        """Start the sums anew."""
        self._totals = {}
        self._outputs, self._labels = Gatherer(), Gatherer()

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of all validation samples, and let the schedule see the score."""
        metrics = self._log_totals("val")
        if self.trainer.state.fn == "fit":
            self.observe_score(float(metrics[self.score.removeprefix("val/")]))

    def on_test_epoch_end(self) -> None:
        """Log the metrics of all test samples, and leave the evaluation."""
        self._log_totals("test")
        if self.trainer.loggers:  # else the counters would be results
            # Where the training ended, counted from 0; Lightning would count one more.
            done = {"epoch": self.trainer.current_epoch, "step": self.trainer.global_step}
            self.log_dict({key: float(max(number - 1, 0)) for key, number in done.items()})
        outputs = self._outputs.of_all_processes()
        is_complete = is_whole(self.trainer.limit_test_batches)
        temperature = self.fitted_temperature
        self.evaluation = Evaluation(
            **vars(self.scores_of(self._totals)),
            outputs=outputs,
            labels=self._labels.of_all_processes(),
            probabilities=self.probabilities(outputs) if is_complete else None,
            is_complete=is_complete,
            temperature=temperature,
            uncalibrated=(
                self.probabilities(outputs * temperature) if temperature and is_complete else None
            ),
        )

    def _log_totals(self, stage: Stage) -> dict[str, Tensor]:
        reduce = self.trainer.strategy.reduce
        self._totals = {key: reduce(value, reduce_op="sum") for key, value in self._totals.items()}
        metrics = self.metrics_of(self._totals)
        self.log_dict({f"{stage}/{key}": value for key, value in metrics.items()})
        return metrics

    def scores_of(self, totals: dict[str, Tensor]) -> Scores:
        """Compute all scores from sums over samples."""
        data = getattr(self.trainer, "datamodule", None)
        confusion = totals["confusion"].cpu() if "confusion" in totals else None
        if isinstance(data, LabDataModule):
            class_names = data.class_names
        else:
            class_names = tuple(map(str, range(0 if confusion is None else len(confusion))))
        metrics = {key: float(value) for key, value in self.metrics_of(totals).items()}
        return Scores(metrics, class_names, confusion)


def is_whole(limit: float) -> bool:
    """Whether a limit of the Trainer leaves all batches in: 1.0 is all of them, 1 is one."""
    return type(limit) is float and limit == 1.0


def add_totals(totals: dict[str, Tensor], parts: Mapping[str, Tensor]) -> None:
    """Add the sums over a batch to those over the batches before it."""
    for key, value in parts.items():
        totals[key] = totals[key] + value if key in totals else value
