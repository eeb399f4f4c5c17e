"""What was predicted of each test sample: intervals over samples, and runs compared on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.report.intervals import (
    Floats,
    Interval,
    Statistic,
    bootstrap,
    clustered_wilson_interval,
    wilson_interval,
)
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.significance import mcnemar
from mlp_lab.report.spread import Spread
from mlp_lab.runs.outputs import Outputs

_WITH_INTERVAL = ("acc", "rmse", "mae", "r2")
_MIN_SAMPLES = 2
_MAX_SAMPLES = 10**12  # a damaged file may hold any number
_EXACT = 1e-12  # a smaller share of a sum of squares is its rounding


@dataclass(frozen=True)
class Answers:
    """How a net did on each of N test samples, by one metric.

    Attributes:
        metric: The metric, such as ``acc``.
        indices: The place of each sample in its part of the source, ``(N,)``.
        labels: Class of each sample ``(N,)``, or its targets ``(N, T)``.
        scores: The metric of each sample ``(N,)``, if the metric is the mean of them; else None.
        compute: Computes the metric of resamples of them.
    """

    metric: str
    indices: NDArray[Any]
    labels: NDArray[Any]
    scores: Floats | None
    compute: Statistic


def read_answers(summary: RunSummary, metric: str) -> Answers | None:
    """Return how a run's net did on each test sample, if that explains the run's metric.

    What another test left does not, nor does it explain each loss.

    Returns:
        None too where the file is missing or damaged.
    """
    path = summary.run.test_outputs_path
    try:
        found = Outputs.read(path) if path.is_file() else None
    except ChecksumError:
        return None
    known, counts = summary.number(f"test/{metric}"), count_right(summary)
    if found is None or known is None or len(found.indices) < _MIN_SAMPLES:
        return None
    num = len(found.indices)
    if counts and counts[1] != num:
        return None
    with np.errstate(over="ignore", invalid="ignore"):  # a foreign file may hold any number
        scores = _scores(found, metric, summary)
        compute = _statistic(found, metric) if scores is None else _mean_of(scores)
        value = math.nan if compute is None else float(compute(np.ones((1, num)))[0])
    # Two classes may have the same probability in float32.
    tolerance = 1.5 / num if metric == "acc" else 1e-3 * abs(known) + 1e-9
    if compute is None or not abs(value - known) <= tolerance:
        return None
    return Answers(metric, found.indices, found.labels, scores, compute)


def describe_outputs(summary: RunSummary) -> list[str]:
    """Return a sentence about a file of answers that cannot be used; none where it can."""
    metric = "acc" if summary.number("test/acc") is not None else "rmse"
    is_of_use = summary.run.test_outputs_path.is_file() and f"test/{metric}" in summary.metrics
    if not is_of_use or read_answers(summary, metric) is not None:
        return []
    return [
        "test_outputs.npz is damaged, or of another test: the run is left out of what is computed "
        f"from single test samples. mlp-lab test --run_dir {summary.run.dir} writes it anew."
    ]


def count_right(summary: RunSummary) -> tuple[int, int] | None:
    """Return how many samples of the test were right, and of how many, by the confusion matrix.

    Returns:
        None where there is none, or it does not explain the accuracy.
    """
    accuracy, confusion = summary.number("test/acc"), summary.confusion
    cells = [cell for row in confusion for cell in row]
    right, num = sum(row[label] for label, row in enumerate(confusion)), sum(cells)
    if accuracy is None or not 0 < num < _MAX_SAMPLES or min(cells) < 0:
        return None
    return (right, num) if abs(right - accuracy * num) < 1 else None


def intervals_of(summary: RunSummary) -> dict[str, Interval]:
    """Return the intervals over the test samples of a run's metrics, as far as they have one.

    That of macro F1 is among them where it is the run's score.
    """
    return {
        metric: interval
        for metric in dict.fromkeys([summary.metric, *_WITH_INTERVAL])
        if (interval := interval_over_samples([summary], metric)) is not None
    }


def interval_over_samples(runs: Sequence[RunSummary], metric: str) -> Interval | None:
    """Return the 95 % interval of the mean metric of some nets over all samples of the kind.

    Wilson's for accuracies; of one net the confusion matrix is enough for it. Student's t for other
    means over samples; else from a bootstrap.

    Args:
        runs: One run, or those that differ in their seed; the nets are taken as they are.
        metric: Such as ``acc``.

    Returns:
        None where the answers to the samples are not known.
    """
    if metric == "acc" and len(runs) == 1 and (counts := count_right(runs[0])):
        return wilson_interval(*counts)
    tested = [found for run in runs if (found := read_answers(run, metric)) is not None]
    if len(tested) < len(runs):
        return None
    if scores := [found.scores for found in tested if found.scores is not None]:
        means = _mean_by_sample(tested, scores)
        is_share = metric == "acc"
        return (
            clustered_wilson_interval(means)
            if is_share
            else Spread.of_samples(means).confidence_interval()
        )
    if not _share_samples(tested):
        return None
    num = len(tested[0].indices)
    return bootstrap(lambda counts: np.mean([t.compute(counts) for t in tested], 0), num)[0]


def compare_on_samples(pairs: Sequence[tuple[Answers, Answers]]) -> tuple[Interval, float] | None:
    """Compare nets in pairs on the same test samples; the nets are taken as they are.

    Args:
        pairs: The answers of both nets of each pair, by the same metric; of several pairs the mean
            difference counts.

    Returns:
        The 95 % interval of the first net's metric less the second's, and the p value: McNemar's
        exact one for the accuracy of one pair, Student's t for other means over samples, else from
        a bootstrap. None where the nets of a pair were tested on different samples.
    """
    if not all(_share_samples(pair) for pair in pairs):
        return None
    firsts = [first for first, _ in pairs]
    differences = [
        first.scores - second.scores
        for first, second in pairs
        if first.scores is not None and second.scores is not None
    ]
    if differences:
        spread = Spread.of_samples(_mean_by_sample(firsts, differences))
        if firsts[0].metric == "acc" and len(pairs) == 1:
            p_value = mcnemar(int((differences[0] > 0).sum()), int((differences[0] < 0).sum()))
        else:
            p_value = spread.p_value() or float(spread.mean == 0)
        return spread.confidence_interval() or (spread.mean, spread.mean), p_value
    if not _share_samples(firsts):
        return None
    interval, drawn = bootstrap(
        lambda counts: np.mean([a.compute(counts) - b.compute(counts) for a, b in pairs], 0),
        len(firsts[0].indices),
    )
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return interval, min(1.0, 2 * (rarer + 1) / (len(drawn) + 1))


def _share_samples(tested: Sequence[Answers]) -> bool:
    """Whether all are of the same samples in the same order."""
    first, *others = tested
    return all(
        np.array_equal(other.indices, first.indices) and np.array_equal(other.labels, first.labels)
        for other in others
    )


def _mean_by_sample(tested: Sequence[Answers], scores: Sequence[Floats]) -> Floats:
    """Return the mean of the scores of each sample over the tests that it is in."""
    places = np.concatenate([found.indices for found in tested])
    _, which = np.unique(places, return_inverse=True)
    sums = np.bincount(which, np.concatenate(scores))
    return np.asarray(sums / np.bincount(which), dtype=np.float64)


def _mean_of(scores: Floats) -> Statistic:
    return lambda counts: np.asarray(counts @ scores / counts.sum(1))


def _scores(tested: Outputs, metric: str, summary: RunSummary) -> Floats | None:
    """Return the score of each sample ``(N,)``; None for a metric that is no mean over samples."""
    outputs, labels = tested.outputs.astype(np.float64), tested.labels
    match metric:
        case "acc" if labels.ndim == 1:
            return np.asarray(outputs.argmax(1) == labels, dtype=np.float64)
        case "loss" if labels.ndim == 1:  # the cross-entropy
            with np.errstate(divide="ignore"):
                return np.asarray(-np.log(outputs[np.arange(len(labels)), labels]))
        case "loss" if labels.shape[1] == 1:
            return np.asarray(np.square(outputs - labels)[:, 0] * _squared_scale(summary))
        case "mae" if labels.ndim == 2:
            return np.asarray(np.abs(outputs - labels).mean(1))
    return None


def _squared_scale(summary: RunSummary) -> float:
    """Return what a squared error counts in the loss of one scaled target; NaN for other losses."""
    loss, rmse = summary.number("test/loss"), summary.number("test/rmse")
    name = str(summary.flat_config.get("model.loss.class_path", "MSELoss"))
    is_mse = name.rpartition(".")[2] == "MSELoss"
    return loss / rmse**2 if is_mse and loss is not None and rmse else math.nan


def _statistic(tested: Outputs, metric: str) -> Statistic | None:
    """Return what computes a metric of resamples; None for a metric that is not known."""
    outputs, labels = tested.outputs, tested.labels
    match metric:
        case "f1_macro" if labels.ndim == 1:
            return _f1_macro(outputs.argmax(1), labels, outputs.shape[1])
        case "rmse" if labels.ndim == 2:
            mean_squared = _mean_of(np.square(outputs.astype(np.float64) - labels).mean(1))
            return lambda counts: np.sqrt(mean_squared(counts))
        case "r2" if labels.ndim == 2:
            return _r2(outputs.astype(np.float64), labels.astype(np.float64))
    return None


def _f1_macro(predicted: NDArray[Any], labels: NDArray[Any], num_classes: int) -> Statistic:
    """Return what computes the mean of F1 over the classes that a resample has samples of.

    What a net does with a class is not seen in a resample without it. A class that no test sample
    is of counts as 0, as in the metrics of a run.
    """
    classes = np.arange(num_classes)
    right = np.where(predicted == labels, labels, -1)
    num_missing = num_classes - len(np.unique(labels))

    def compute(counts: Floats) -> Floats:
        both_right, num_predicted, num = (
            counts @ (which[:, None] == classes) for which in (right, predicted, labels)
        )
        f1 = 2 * both_right / np.maximum(num_predicted + num, 1)
        return np.asarray(f1.sum(1) / ((num > 0).sum(1) + num_missing))

    return compute


def _r2(outputs: Floats, targets: Floats) -> Statistic:
    """Return what computes R², the mean over targets; of a constant one 1 if exact, else 0."""
    squared = np.square(outputs - targets)
    centred = targets - targets.mean(0)  # else the sums of squares lose their digits

    def compute(counts: Floats) -> Floats:
        error, squares, sums = (counts @ each for each in (squared, np.square(centred), centred))
        spread = squares - np.square(sums) / counts.sum(1, keepdims=True)
        varies = spread > _EXACT * squares
        r2 = np.where(varies, 1 - error / np.where(varies, spread, 1), error == 0)
        return np.asarray(r2.mean(1))

    return compute
