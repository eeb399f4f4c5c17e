"""What an ensemble gains over its members, as a .json beside its model file holds it. No torch."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from mlp_lab.errors import ChecksumError
from mlp_lab.files.atomic import write_json
from mlp_lab.files.sha256 import hash_file
from mlp_lab.report.formatting import format_interval, format_metric, format_number
from mlp_lab.report.intervals import Interval
from mlp_lab.runs.run import read_json

_KIND = "mlp_lab ensemble"
_BEGINNING = "".join(json.dumps({"kind": _KIND})[:-1].split())  # of the file, without white space
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
    interval: Interval | None

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
        sha256: SHA-256 of the model file; empty until that is written.
        data: Name of the data set.
        metric: What they are scored by.
        num_samples: Number of test samples.
        validation: The ensemble's score on validation; None where its members do not share that,
            or have no other than the test set.
        test: The ensemble's score on the test samples.
        interval: 95 % confidence interval of that over other test samples: Wilson's of an accuracy,
            else by Student's t; None where no sample differs from another.
        mean: Mean of the members' scores.
        gain: The ensemble's over that mean.
        members: The members.
    """

    model: str
    sha256: str
    data: str
    metric: Metric
    num_samples: int
    validation: float | None
    test: float
    interval: Interval | None
    mean: float
    gain: Gain
    members: list[MemberScores]

    @property
    def sentence(self) -> str:
        """What it gains over the mean of its members and over the best of them, in a sentence."""
        best = (max if self.metric == "acc" else min)(self.members, key=lambda m: m.test)
        test, mean = (format_number(value, self.metric) for value in (self.test, self.mean))
        interval = format_interval(self.interval, self.metric)
        return (
            f"{format_metric(self.metric)} {test}{f' ({interval})' if interval else ''} on "
            f"{self.num_samples:,} test samples, a gain of {self.gain.format(self.metric)} over "
            f"the mean of its {len(self.members)} members, {mean}, and of "
            f"{best.gain.format(self.metric)} over the best of them on these samples, {best.name} "
            f"with {format_number(best.test, self.metric)}"
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


def may_replace(path: Path) -> bool:
    """Whether nothing is lost by writing scores to a path: at most such scores, be they damaged."""
    if not path.is_file():
        return not path.exists()
    beginning = "".join(path.read_text("utf-8", errors="replace").split())[: len(_BEGINNING)]
    return _BEGINNING.startswith(beginning)


def read_ensemble(model: Path) -> EnsembleSummary | None:
    """Read what lies beside a model file; None where it is no ensemble.

    Raises:
        ChecksumError: The file is damaged, or of another model.
    """
    path = scores_path(model)
    content = read_json(path)
    if content.pop("kind", None) != _KIND:
        return None
    if content.get("sha256") != hash_file(model):
        raise ChecksumError(
            f"{str(path)!r} does not hold the scores of {model.name} as it is now: one of them was "
            "written without the other. Export the ensemble again."
        )
    try:
        members = [
            MemberScores(**{**entry, "gain": _read_gain(entry["gain"])})
            for entry in content["members"]
        ]
        read = {
            "model": model.name,
            "interval": _read_interval(content["interval"]),
            "gain": _read_gain(content["gain"]),
            "members": members,
        }
        summary = EnsembleSummary(**{**content, **read})
        _ = summary.sentence, summary.rows  # what cannot be formatted is no score
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ChecksumError(f"{str(path)!r} is damaged.") from error
    return summary


def find_ensembles(directories: Iterable[Path]) -> tuple[list[EnsembleSummary], list[str]]:
    """Read the ensembles that lie in some directories, by name.

    Returns:
        The ensembles, and a sentence about each file beside a model that cannot be used.
    """
    models: dict[Path, list[Path]] = {}
    for directory in directories:
        for file in sorted(directory.glob("*")):
            if file.suffix in _MODELS and file.is_file():
                models.setdefault(scores_path(file), []).append(file)
    found, problems = [], []
    for files in models.values():
        sentences = []
        for file in files:
            try:
                summary = read_ensemble(file)
            except OSError as error:  # a ChecksumError, or a file that may not be read
                sentences.append(f"{error} {file.name} is left out of the ensembles.")
            else:
                found += [summary] if summary else []
        if len(sentences) == len(files):  # of a model in two formats one has the scores
            problems.append(sentences[-1])
    return found, problems


def _read_gain(content: Mapping[str, Any]) -> Gain:
    return Gain(content["mean"], _read_interval(content["interval"]))


def _read_interval(ends: list[float] | None) -> Interval | None:
    return None if ends is None else (ends[0], ends[1])
