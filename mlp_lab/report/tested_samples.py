"""How each test sample was answered: intervals over samples, and runs compared on the same ones."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.report.intervals import Interval, bootstrap, wilson_interval
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.significance import mcnemar
from mlp_lab.report.spread import Spread
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import Run

Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], float]
"""Computes a metric of the samples at some places."""

_WITH_INTERVAL = ("acc", "rmse", "mae", "r2")
_MIN_SAMPLES = 2
_MAX_SAMPLES = 10**12  # a damaged file may hold any number


def read_outputs(run: Run) -> Outputs | None:
    """Return what a run's net answered to each test sample; None where there is no file.

    Raises:
        ChecksumError: It is torn, or holds something else.
    """
    if not run.test_outputs_path.is_file():
        return None
    found = Outputs.read(run.test_outputs_path)
    outputs, labels = found.outputs, found.labels
    kinds = (outputs.dtype.kind, labels.dtype.kind, found.indices.dtype.kind)
    if labels.ndim == 1:
        is_sound = kinds == ("f", "i", "i") and ((labels >= 0) & (labels < outputs.shape[1])).all()
    else:
        is_sound = kinds == ("f", "f", "i") and labels.shape == outputs.shape and outputs.size > 0
    is_finite = is_sound and np.isfinite(outputs).all() and np.isfinite(labels).all()
    if not is_finite or found.indices.ndim != 1:
        raise ChecksumError(f"{str(run.test_outputs_path)!r} holds no answers to samples.")
    return found


def outputs_behind(summary: RunSummary, metric: str) -> Outputs | None:
    """Return the answers to the test samples if they explain the run's metric.

    Those of another test do not, nor does a probability explain each loss.

    Returns:
        None too where the file is missing or damaged.
    """
    try:
        found = read_outputs(summary.run)
    except ChecksumError:
        return None
    known, counts = summary.number(f"test/{metric}"), count_right(summary)
    if found is None or known is None or len(found.indices) < _MIN_SAMPLES:
        return None
    num = len(found.indices)
    if counts and counts[1] != num:
        return None
    value = _value(found, metric)
    # Two classes may have the same probability in float32.
    tolerance = 1.5 / num if metric == "acc" else 1e-3 * abs(known) + 1e-9
    return found if value is not None and abs(value - known) <= tolerance else None


def describe_outputs(summary: RunSummary) -> list[str]:
    """Return a sentence about a file of answers that cannot be used; none where it can."""
    metric = "acc" if summary.number("test/acc") is not None else "rmse"
    is_of_use = summary.run.test_outputs_path.is_file() and f"test/{metric}" in summary.metrics
    if not is_of_use or outputs_behind(summary, metric) is not None:
        return []
    return [
        "test_outputs.npz is damaged, or of another test: the run is left out of what is said of "
        "single test samples."
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

    That of macro F1 takes half a second, and is among them where it is the run's score.
    """
    return {
        metric: interval
        for metric in dict.fromkeys([summary.metric, *_WITH_INTERVAL])
        if (interval := interval_over_samples([summary], metric)) is not None
    }


def interval_over_samples(runs: Sequence[RunSummary], metric: str) -> Interval | None:
    """Return the 95 % interval of the mean metric of some nets over other test samples.

    Wilson's for the accuracy of one net, which the confusion matrix is enough for; Student's t for
    other means over samples; else from a bootstrap.

    Args:
        runs: One run, or those that differ in their seed; the nets are taken as they are.
        metric: Such as ``acc``.

    Returns:
        None where the answers to the samples are not known.
    """
    if metric == "acc" and len(runs) == 1 and (counts := count_right(runs[0])):
        return wilson_interval(*counts)
    tested = [found for run in runs if (found := outputs_behind(run, metric)) is not None]
    if len(tested) < len(runs):
        return None
    scores = [_scores(found, metric) for found in tested]
    if known := [score for score in scores if score is not None]:
        return _spread(_mean_by_sample(tested, known)).confidence_interval()
    if not _share_samples(tested):
        return None
    parts = [part for found in tested if (part := _statistic(found, metric))]
    return bootstrap(lambda places: fmean(p(places) for p in parts), len(tested[0].indices))[0]


def compare_on_samples(
    pairs: Sequence[tuple[Outputs, Outputs]], metric: str
) -> tuple[Interval, float] | None:
    """Compare nets in pairs on the same test samples; the nets are taken as they are.

    Args:
        pairs: Of each pair what both nets answered; of several pairs the mean difference counts.
        metric: Such as ``acc``.

    Returns:
        The 95 % interval of the first net's metric less the second's, and the p value: McNemar's
        exact one for the accuracy of one pair, Student's t for other means over samples, else from
        a bootstrap. None where the nets of a pair were tested on different samples.
    """
    if not all(_share_samples(pair) for pair in pairs):
        return None
    firsts, seconds = zip(*pairs, strict=True)
    scores = [(_scores(first, metric), _scores(second, metric)) for first, second in pairs]
    known = [a - b for a, b in scores if a is not None and b is not None]
    if known:
        spread = _spread(_mean_by_sample(firsts, known))
        if metric == "acc" and len(pairs) == 1:
            p_value = mcnemar(int((known[0] > 0).sum()), int((known[0] < 0).sum()))
        else:
            p_value = spread.p_value() or float(spread.mean == 0)
        return spread.confidence_interval() or (spread.mean, spread.mean), p_value
    if not _share_samples(firsts):
        return None
    plus, minus = (
        [part for found in side if (part := _statistic(found, metric))]
        for side in (firsts, seconds)
    )
    interval, drawn = bootstrap(
        lambda places: fmean(a(places) - b(places) for a, b in zip(plus, minus, strict=True)),
        len(firsts[0].indices),
    )
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return interval, min(1.0, 2 * (rarer + 1) / (len(drawn) + 1))


def _share_samples(tested: Sequence[Outputs]) -> bool:
    """Whether all are of the same samples in the same order."""
    first, *others = tested
    return all(
        np.array_equal(other.indices, first.indices) and np.array_equal(other.labels, first.labels)
        for other in others
    )


def _mean_by_sample(tested: Sequence[Outputs], scores: Sequence[Floats]) -> Floats:
    """Return the mean of the scores of each sample over the tests that it is in."""
    places = np.concatenate([found.indices for found in tested])
    _, which = np.unique(places, return_inverse=True)
    sums = np.bincount(which, np.concatenate(scores))
    return np.asarray(sums / np.bincount(which), dtype=np.float64)


def _spread(values: Floats) -> Spread:
    return Spread(float(values.mean()), float(values.std(ddof=1)), len(values))


def _value(tested: Outputs, metric: str) -> float | None:
    scores, statistic = _scores(tested, metric), _statistic(tested, metric)
    if scores is not None:
        return float(scores.mean())
    return statistic(np.arange(len(tested.indices))) if statistic else None


def _scores(tested: Outputs, metric: str) -> Floats | None:
    """Return the score of each sample ``(N,)``; None for a metric that is no mean over samples."""
    outputs, labels = tested.outputs.astype(np.float64), tested.labels
    match metric:
        case "acc" if labels.ndim == 1:
            return np.asarray(outputs.argmax(1) == labels, dtype=np.float64)
        case "loss" if labels.ndim == 1:  # the cross-entropy
            with np.errstate(divide="ignore"):
                return np.asarray(-np.log(outputs[np.arange(len(labels)), labels]))
        case "mae" if labels.ndim == 2:
            return np.asarray(np.abs(outputs - labels).mean(1))
    return None


def _statistic(tested: Outputs, metric: str) -> Statistic | None:
    """Return what computes a metric of some of the samples; None for one that is not known."""
    outputs, labels = tested.outputs, tested.labels
    match metric:
        case "f1_macro" if labels.ndim == 1:
            predicted, num_classes = outputs.argmax(1), outputs.shape[1]
            return lambda places: _f1_macro(predicted[places], labels[places], num_classes)
        case "rmse" if labels.ndim == 2:
            squared = np.square(outputs.astype(np.float64) - labels).mean(1)
            return lambda places: math.sqrt(squared[places].mean())
        case "r2" if labels.ndim == 2:
            return lambda places: _r2(outputs[places], labels[places])
    return None


def _f1_macro(predicted: NDArray[Any], labels: NDArray[Any], num_classes: int) -> float:
    right, *both = (
        np.bincount(found, minlength=num_classes)
        for found in (labels[predicted == labels], predicted, labels)
    )
    return float((2 * right / np.maximum(sum(both), 1)).mean())


def _r2(outputs: NDArray[Any], targets: NDArray[Any]) -> float:
    """Return R², the mean over targets; of a constant one 1 if all are exact, else 0."""
    squared = np.square(outputs.astype(np.float64) - targets).sum(0)
    spread = targets.astype(np.float64).var(0) * len(targets)
    varies = spread > 0
    r2 = np.where(varies, 1 - squared / np.where(varies, spread, 1), squared == 0)
    return float(r2.mean())
