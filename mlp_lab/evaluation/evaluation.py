"""Everything that a test leaves: outputs and labels, and what follows from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn.utils.rnn import pad_sequence
from torchmetrics.utilities.distributed import gather_all_tensors

from mlp_lab.evaluation.calibration import Calibration, measure_calibration
from mlp_lab.evaluation.curves import Curves, precision_recall_curves, roc_curves
from mlp_lab.evaluation.metrics import precision_recall_f1
from mlp_lab.files.plain_text import as_shown


@dataclass(frozen=True)
class Scores:
    """How well a net does on some samples.

    Attributes:
        metrics: Loss, accuracy and so on, by name.
        class_names: Names of the K classes; none where targets are predicted.
        confusion: Counts ``(K, K)``, rows true and columns predicted; None without classes.
    """

    metrics: dict[str, float]
    class_names: tuple[str, ...]
    confusion: Tensor | None

    def plain(self) -> dict[str, Any]:
        """Return metrics and confusion in plain types."""
        confusion = {} if self.confusion is None else {"confusion": self.confusion.tolist()}
        return self.metrics | confusion

    @cached_property
    def classes(self) -> dict[str, dict[str, float]]:
        """Precision, recall, F1 and the number of samples of each class."""
        if self.confusion is None:
            return {}
        scores = torch.stack(precision_recall_f1(self.confusion), 1).tolist()
        return {
            name: dict(zip(("precision", "recall", "f1"), row, strict=True)) | {"samples": samples}
            for name, row, samples in zip(
                self.class_names, scores, self.confusion.sum(1).tolist(), strict=True
            )
        }


@dataclass(frozen=True)
class Evaluation(Scores):
    """What a test found.

    Attributes:
        outputs: The net's outputs ``(N, K)`` in the order of the samples, float32 on the CPU.
        labels: Class of each sample ``(N,)``, or targets ``(N, T)``.
        probabilities: Of each class ``(N, K)``; None where targets are predicted, and where only a
            part of the samples was tested, of which no curve is drawn.
        is_complete: Whether all samples were tested.
        temperature: What calibration has divided the net's logits by; None without calibration.
        uncalibrated: The probabilities without it, where both are known.
    """

    outputs: Tensor
    labels: Tensor
    probabilities: Tensor | None
    is_complete: bool
    temperature: float | None = None
    uncalibrated: Tensor | None = None

    @cached_property
    def roc(self) -> Curves:
        """ROC curves; none without classes."""
        if self.probabilities is None:
            return Curves()
        return roc_curves(self.probabilities, self.labels, self.class_names)

    @cached_property
    def precision_recall(self) -> Curves:
        """Precision-recall curves; none without classes."""
        if self.probabilities is None:
            return Curves()
        return precision_recall_curves(self.probabilities, self.labels, self.class_names)

    @cached_property
    def calibration(self) -> Calibration | None:
        """Confidence and accuracy; None without classes."""
        if self.probabilities is None:
            return None
        return measure_calibration(self.probabilities, self.labels)

    @cached_property
    def calibration_before(self) -> Calibration | None:
        """The same before calibration; None without one."""
        if self.uncalibrated is None:
            return None
        return measure_calibration(self.uncalibrated, self.labels)

    def most_confident_mistakes(self, limit: int) -> Tensor:
        """Return the samples that were classified wrongly, the most confident first, ``(n,)``."""
        if self.probabilities is None:
            return torch.empty(0, dtype=torch.long)
        confidence, predicted = self.probabilities.max(1)
        wrong = (predicted != self.labels).nonzero().flatten()
        return wrong[confidence[wrong].argsort(descending=True, stable=True)][:limit]

    def summary(self) -> dict[str, Any]:
        """Return what metrics.json holds of a test, in plain types."""
        summary: dict[str, Any] = dict(self.metrics)
        if self.confusion is not None:
            summary["f1_macro"] = fmean(scores["f1"] for scores in self.classes.values())
            summary["classes"] = {name: dict(scores) for name, scores in self.classes.items()}
            summary["confusion"] = self.confusion.tolist()
        if self.calibration is not None:
            summary["ece"] = self.calibration.error
            summary["reliability"] = {
                "samples": self.calibration.counts.tolist(),
                "confidence": self.calibration.confidence.tolist(),
                "accuracy": self.calibration.accuracy.tolist(),
            }
        if self.calibration_before is not None:
            summary["ece_uncalibrated"] = self.calibration_before.error
        if self.temperature is not None:
            summary["temperature"] = self.temperature
        for key, curves in (("roc_auc", self.roc), ("average_precision", self.precision_recall)):
            for name, curve in curves.classes.items():
                summary["classes"][name][key] = curve.area
            for average, curve in curves.averages.items():
                summary[f"{key}_{average}"] = curve.area
        return summary


@dataclass(frozen=True)
class TrainingTime:
    """How long a training took.

    Attributes:
        seconds: Seconds since it began, stops left out.
        images_per_second: Samples trained on in a second, validation left out.
        was_measured: Whether any of it was trained just now; else it is what a checkpoint knows.
    """

    seconds: float
    images_per_second: float
    was_measured: bool


class Gatherer:
    """Collect tensors batch by batch in one that grows.

    Kept one by one, small outputs between large batches would leave no room for the next batch.
    """

    def __init__(self) -> None:
        self._rows = torch.empty(0)
        self._num = 0

    def add(self, batch: Tensor) -> None:
        """Take the rows of a batch, ``(n, ...)``."""
        needed = self._num + len(batch)
        if needed > len(self._rows):
            grown = batch.new_empty(max(needed, 2 * self._num), *batch.shape[1:])
            if self._num:
                grown[: self._num] = self._rows[: self._num]
            self._rows = grown
        self._rows[self._num : needed] = batch
        self._num = needed

    def of_all_processes(self) -> Tensor:
        """Return the rows of all processes on the CPU, ``(N, ...)``, in the order of samples."""
        own = self._rows[: self._num]
        if not distributed.is_initialized():
            return own.cpu()
        # Of P processes each has every P-th sample, the last ones perhaps one less.
        rows = gather_all_tensors(own)
        return pad_sequence(rows).flatten(0, 1)[: sum(map(len, rows))].cpu()


def classification_report(confusion: Tensor, class_names: Iterable[str]) -> str:
    """Return precision, recall and F1 of each class as text, laid out as scikit-learn's.

    Loading scikit-learn for it would take longer than everything else that is printed.

    Shape:
        confusion ``(K, K)`` counts, rows true and columns predicted.
    """
    scores, support = torch.stack(precision_recall_f1(confusion), 1), confusion.sum(1)
    total = int(support.sum())
    weighted = support.double() / total @ scores
    names = [as_shown(name) for name in class_names]
    width = max(map(len, [*names, "weighted avg"]))

    def line(name: str, values: Sequence[float], samples: int) -> str:
        columns = "".join(f" {value:>9.4f}" for value in values)
        return f"{name:>{width}} {columns:>30} {samples:>9}"

    lines = [
        f"{'':{width}}  precision    recall  f1-score   support",
        "",
        *map(line, names, scores.tolist(), support.tolist()),
        "",
        line("accuracy", [int(confusion.trace()) / total], total),
        line("macro avg", scores.mean(0).tolist(), total),
        line("weighted avg", weighted.tolist(), total),
    ]
    return "\n".join(lines) + "\n"
