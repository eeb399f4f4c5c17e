"""How good an ensemble is, and its members, on the same samples."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mlp_lab.data import LabDataModule, Part
from mlp_lab.data.statistics import in_chunks
from mlp_lab.export.ensemble import Member, share_split
from mlp_lab.export.model_file import complete_mean, predict_batch
from mlp_lab.inference.backends import FloatArray
from mlp_lab.report.ensemble import EnsembleSummary, Gain, MemberScores, Metric
from mlp_lab.report.intervals import Interval, wilson_interval
from mlp_lab.report.spread import Spread
from mlp_lab.tasks import Task


def score_members(
    members: Sequence[Member], task: Task, data: LabDataModule, model: str
) -> tuple[EnsembleSummary, dict[str, float]]:
    """Score an ensemble and its members on the test samples, and the ensemble on validation.

    Args:
        members: The members, which share the test samples.
        task: The task of one of them, which computes the ensemble's metrics.
        data: The data, set up.
        model: Name of the model file.

    Returns:
        What is gained, and the ensemble's metrics.
    """
    parts: list[Part] = ["test"]
    if share_split(members, data) and data.validate_on == "val":
        parts.append("val")
    metric: Metric = "mse" if task.head == "none" else "acc"
    predicted: dict[Part, list[FloatArray]] = {}
    metrics: dict[str, float] = {}
    for part in parts:
        predicted[part] = [_predict(member.net, data, part) for member in members]
        mean = np.mean(predicted[part], axis=0)
        outputs = torch.from_numpy(complete_mean(mean, task.head)[0])
        found = task.metrics_of(task.batch_totals(outputs, data.subsets[part].labels))
        # Each member's loss may be another.
        metrics |= {f"{part}/{k}": float(v) for k, v in found.items() if k != "loss"}
    test, interval, gain, each = score_ensemble(
        predicted["test"], data.subsets["test"].labels.numpy(), metric
    )
    return EnsembleSummary(
        model=model,
        sha256="",
        data=data.source.name,
        metric=metric,
        num_samples=len(data.subsets["test"]),
        validation=_validation_in(metrics, metric),
        test=test,
        interval=interval,
        mean=fmean(score for score, _ in each),
        gain=gain,
        members=[
            MemberScores(member.name, member.info.sha256, _validation_of(member, metric), *pair)
            for member, pair in zip(members, each, strict=True)
        ],
    ), metrics


def score_ensemble(
    members: Sequence[NDArray[np.floating]], labels: NDArray[Any], metric: Metric
) -> tuple[float, Interval | None, Gain, list[tuple[float, Gain]]]:
    """Compare the mean of the members' predictions with the members.

    Args:
        members: Each member's probabilities, or predicted targets, of the test samples.
        labels: Their labels or targets.
        metric: What they are scored by.

    Shape:
        members ``(N, K)`` and labels ``(N,)``, or both ``(N, T)``.

    Returns:
        The ensemble's score and its interval, the gain over the mean of the members' scores, and
        score and gain for each member.
    """
    own = _score_samples(np.mean(members, axis=0), labels, metric)
    scores = np.stack([_score_samples(member, labels, metric) for member in members])  # (M, N)
    sign = 1 if metric == "acc" else -1

    def gain_over(other: NDArray[np.float64]) -> Gain:
        spread = Spread.of_samples(sign * (own - other))
        return Gain(spread.mean, spread.confidence_interval())

    score = Spread.of_samples(own)
    is_share = metric == "acc"
    interval = (
        wilson_interval(float(own.sum()), len(own)) if is_share else score.confidence_interval()
    )
    each = [(float(other.mean()), gain_over(other)) for other in scores]
    return score.mean, interval, gain_over(scores.mean(0)), each


def _score_samples(
    predicted: NDArray[np.floating], labels: NDArray[Any], metric: Metric
) -> NDArray[np.float64]:
    """Score each sample, ``(N,)``: 1 for the right class and 0 for others, or its squared error."""
    if metric == "acc":
        return np.asarray(predicted.argmax(1) == labels, dtype=np.float64)
    return np.asarray(np.square(predicted.astype(np.float64) - labels).mean(1))


def _validation_of(member: Member, metric: Metric) -> float | None:
    """Return a member's score on validation; None where that was the test set."""
    if member.summary.validation == "test set":
        return None
    return _validation_in(member.info.metrics, metric)


def _validation_in(metrics: Mapping[str, float], metric: Metric) -> float | None:
    if metric == "acc":
        return metrics.get("val/acc")
    rmse = metrics.get("val/rmse")
    return None if rmse is None else rmse**2


def _predict(net: nn.Module, data: LabDataModule, part: Part) -> FloatArray:
    subset = data.subsets[part]
    chunks = in_chunks(torch.arange(len(subset)), data.input_shape)
    batches = (subset[positions][0] for positions in chunks)
    return np.concatenate(
        [
            predict_batch(net, inputs if inputs.dtype == torch.uint8 else inputs.float())
            for inputs in batches
        ]
    )
