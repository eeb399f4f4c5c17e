"""What an ensemble gains over its members, as a .json beside its model file holds it. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.files.atomic import write_json
from mlp_lab.report.formatting import format_interval, format_metric, format_number
from mlp_lab.report.spread import Spread
from mlp_lab.runs.run import read_json

_KIND = "mlp_lab ensemble"
_MODELS = (".onnx", ".pth")

Metric = Literal["acc", "mse"]
"""What each sample is scored by: whether its class is right, or its squared error."""


@dataclass(frozen=True)
class Gain:
    """How much better the ensemble is on the test samples; a worse one's gain is negative.

    Attributes:
        mean: Mean over the samples.
        interval: 95 % confidence interval of the mean over samples, by Student's t of the
            differences on the same samples; None where no sample differs from another.
    """

    mean: float
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, differences: NDArray[np.floating]) -> "Gain":
        """Return the gain from the differences on N samples, ``(N,)``."""
        spread = Spread.of(differences.tolist())
        assert spread is not None
        return cls(spread.mean, spread.confidence_interval())

    def format(self, metric: Metric) -> str:
        """Format it with its interval."""
        mean = format_number(self.mean, metric, signed=True)
        interval = format_interval(self.interval, metric, signed=True)
        return f"{mean} ({interval})" if interval else mean


@dataclass(frozen=True)
class MemberScores:
    """A member of an ensemble by itself.

    Attributes:
        name: Experiment and number of the run, and the checkpoint where it is not the best one.
        sha256: SHA-256 of the checkpoint.
        validation: Its score on validation; None where that is not known.
        test: Its score on the test samples.
        gain: The ensemble's over it.
    """

    name: str
    sha256: str
    validation: float | None
    test: float
    gain: Gain


@dataclass(frozen=True)
class EnsembleSummary:
    """An ensemble and its members on the same test samples.

    Attributes:
        model: Name of the model file.
        data: Name of the data set.
        metric: What they are scored by.
        num_samples: Number of test samples.
        validation: The ensemble's score on validation; None where its members do not share that.
        test: The ensemble's score on the test samples.
        mean: Mean of the members' scores.
        gain: The ensemble's over that mean.
        members: The members.
    """

    model: str
    data: str
    metric: Metric
    num_samples: int
    validation: float | None
    test: float
    mean: float
    gain: Gain
    members: list[MemberScores]

    @property
    def sentence(self) -> str:
        """What it gains, in a sentence."""
        test, mean = (format_number(value, self.metric) for value in (self.test, self.mean))
        return (
            f"{format_metric(self.metric)} {test} on {self.num_samples:,} test samples, "
            f"{self.gain.format(self.metric)} over the mean of its {len(self.members)} members, "
            f"{mean}"
        )

    @property
    def rows(self) -> list[dict[str, str]]:
        """The table of members, their mean and the ensemble, as text."""
        known = [m.validation for m in self.members if m.validation is not None]
        is_shared = self.validation is not None and len(known) == len(self.members) > 0
        validation = fmean(known) if is_shared else None
        entries: list[tuple[str, float | None, float, Gain | None]] = [
            *((m.name, m.validation, m.test, m.gain) for m in self.members),
            ("mean of the members", validation, self.mean, self.gain),
            ("ensemble", self.validation, self.test, None),
        ]
        metric = format_metric(self.metric)
        return [
            {
                "member": name,
                f"validation {metric}": format_number(validation, self.metric),
                f"test {metric}": format_number(test, self.metric),
                "gain of the ensemble (95 % interval)": ""
                if gain is None
                else gain.format(self.metric),
            }
            for name, validation, test, gain in entries
        ]

    def write(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            WriteError: It cannot be written.
        """
        write_json(path, {"kind": _KIND, **asdict(self)})


def scores_path(model: Path) -> Path:
    """Return where the scores of an ensemble lie, by its model file."""
    return model.with_suffix(".json")


def score_samples(
    predicted: NDArray[np.floating], labels: NDArray[Any], metric: Metric
) -> NDArray[np.floating]:
    """Score each sample: 1 for the right class and 0 for others, or the negative squared error.

    Shape:
        predicted ``(N, K)`` and labels ``(N,)``, or both ``(N, T)``; result ``(N,)``, of which
        higher is better.
    """
    if metric == "acc":
        right: NDArray[np.floating] = (predicted.argmax(1) == labels).astype(np.float64)
        return right
    errors: NDArray[np.floating] = predicted.astype(np.float64) - labels
    squared: NDArray[np.floating] = np.square(errors).mean(1)
    return -squared


def score_ensemble(
    members: Sequence[NDArray[np.floating]],
    labels: NDArray[Any],
    metric: Metric,
) -> tuple[float, float, Gain, list[tuple[float, Gain]]]:
    """Compare the mean of the members' predictions with the members.

    Args:
        members: Each member's probabilities, or predicted targets, of the test samples.
        labels: Their labels or targets.
        metric: What they are scored by.

    Returns:
        The ensemble's score, the mean of the members' scores, the gain over that, and score and
        gain for each member.
    """
    ensemble = score_samples(np.mean(members, axis=0), labels, metric)
    scores = np.stack([score_samples(member, labels, metric) for member in members])  # (M, N)
    sign = 1 if metric == "acc" else -1
    each = [(sign * float(own.mean()), Gain.of(ensemble - own)) for own in scores]
    gain = Gain.of(ensemble - scores.mean(0))
    return sign * float(ensemble.mean()), sign * float(scores.mean()), gain, each


def read_ensemble(model: Path) -> EnsembleSummary | None:
    """Read what lies beside a model file; None where it is no ensemble.

    Raises:
        ChecksumError: The file is damaged.
    """
    path = scores_path(model)
    content = read_json(path)
    if content.pop("kind", None) != _KIND:
        return None
    try:
        members = [
            MemberScores(**{**entry, "gain": _read_gain(entry["gain"])})
            for entry in content["members"]
        ]
        read = {"model": model.name, "gain": _read_gain(content["gain"]), "members": members}
        summary = EnsembleSummary(**{**content, **read})
        _ = summary.sentence, summary.rows  # what cannot be formatted is no score
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ChecksumError(f"{str(path)!r} is damaged.") from error
    return summary


def find_ensembles(directories: Iterable[Path]) -> list[EnsembleSummary]:
    """Read the ensembles that lie in some directories, by name.

    Raises:
        ChecksumError: The file of one is damaged.
    """
    models = {
        scores_path(file): file
        for directory in directories
        for file in sorted(directory.glob("*"))
        if file.suffix in _MODELS
    }
    found = [read_ensemble(model) for model in models.values()]
    return [summary for summary in found if summary is not None]


def _read_gain(content: Mapping[str, Any]) -> Gain:
    ends = content["interval"]
    return Gain(content["mean"], None if ends is None else (ends[0], ends[1]))
