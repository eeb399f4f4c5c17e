"""The members of an ensemble: read, checked to go together, and described."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from mlp_lab import __version__
from mlp_lab.data import LabDataModule
from mlp_lab.data.statistics import sha256
from mlp_lab.errors import ConfigError
from mlp_lab.export.model_info import scores_only
from mlp_lab.files.plain_types import class_path
from mlp_lab.files.sha256 import hash_file
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import read_net
from mlp_lab.inference.info import SHARED
from mlp_lab.nets import EnsembleNet
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.run import Run

_TASKS = {"softmax": "classes", "sigmoid": "two classes by one output", "none": "numbers"}


@dataclass(frozen=True)
class Member:
    """A member of an ensemble.

    Attributes:
        checkpoint: Its file.
        info: Its description, with the scores of this very checkpoint; ``info.run`` names it.
        net: From raw inputs to outputs and probabilities.
        summary: What is known of its run.
    """

    checkpoint: Path
    info: ModelInfo
    net: nn.Module
    summary: RunSummary

    @property
    def name(self) -> str:
        """Experiment and number of the run, and the checkpoint where it is not the best one."""
        return self.info.run


def read_member(path: Path, *, trust: bool = False) -> Member:
    """Read a member from a run, of which the best checkpoint is taken, or a checkpoint in its run.

    Raises:
        RunNotFoundError: There is no such run or checkpoint.
        ConfigError: It lies in no run, or its net is of another package and not trusted.
        ChecksumError: It is damaged.
    """
    checkpoint = path if path.is_file() else Run.open(path).find_checkpoint("best")
    info, net = read_net(checkpoint, trust=trust)
    run = Run.of_checkpoint(checkpoint)
    if run is None:
        raise ConfigError(
            f"{str(checkpoint)!r} lies in no run, so it is not known what it was tested on. The "
            "members of an ensemble are runs, or checkpoints where fit has left them."
        )
    summary = read_summary(run.dir)
    is_best = checkpoint.name == run.best_checkpoint.name
    name = run.name if is_best else f"{run.name}/{checkpoint.name}"
    tested = scores_only(summary.metrics) if is_best else {}
    # Those of validation are the checkpoint's own.
    metrics = info.metrics | {key: tested[key] for key in tested if key.startswith("test/")}
    info = replace(info, run=name, metrics=metrics, sha256=hash_file(checkpoint))
    return Member(checkpoint, info, net, summary)


def check_members(members: Sequence[Member]) -> None:
    """Refuse nets that are no ensemble: of different kinds, or one of them twice.

    Raises:
        ConfigError: They are not.
    """
    first, *others = members
    for other in others:
        for key, noun in SHARED.items():
            one, two = getattr(first.info, key), getattr(other.info, key)
            if one != two:
                raise ConfigError(
                    f"The members of an ensemble must have the same {noun}: {first.name} has "
                    f"{_differing(one, two)}, and {other.name} has {_differing(two, one)}."
                )
    by_weights: dict[str, str] = {}
    for member in members:
        weights = sha256(*member.net.state_dict().values())
        if weights in by_weights:
            raise ConfigError(
                f"{by_weights[weights]} and {member.name} are the same net, weight for weight: an "
                "ensemble gains nothing by it. Leave one of them out."
            )
        by_weights[weights] = member.name


def _differing(mine: object, other: object) -> str:
    """Format a value; of as many classes the first one that is another."""
    match mine, other:
        case (tuple([str(), *_]), tuple()) if len(mine) == len(other):
            pairs = zip(mine, other, strict=True)
            place = next(place for place, (one, two) in enumerate(pairs) if one != two)
            return f"{mine[place]!r} as number {place}"
        case (tuple([str(), *_]), _):
            return f"{len(mine)}"
        case (str(), _):
            return _TASKS.get(mine, repr(mine))
    return repr(mine)


def share_split(members: Sequence[Member], data: LabDataModule) -> bool:
    """Whether the members share their split; refuse those that do not share the test samples.

    One may have been trained on what another one is tested on.

    Args:
        members: The members.
        data: The data of the first of them, set up.

    Raises:
        ConfigError: The data, or the test samples, of one are others.
    """
    own = data.fingerprints()
    for member in members:
        for key, noun in (("data", "data"), ("test", "test samples")):
            if member.summary.hashes.get(key) != own[key]:
                raise ConfigError(
                    f"{member.name} has other {noun} than those of {members[0].name} as they are "
                    "now, by their SHA-256: what the one is tested on, the other may have been "
                    "trained on. The members of an ensemble must share data and test samples."
                )
    return all(member.summary.hashes.get("split") == own["split"] for member in members)


def describe_ensemble(members: Sequence[Member], metrics: Mapping[str, float]) -> ModelInfo:
    """Describe the ensemble of members that go together."""
    return replace(
        members[0].info,
        net={"class_path": class_path(EnsembleNet), "init_args": {}},
        mean=(),
        std=(),
        run=f"ensemble of {len(members)}",
        metrics=dict(metrics),
        mlp_lab=__version__,
        sha256="",
        members=tuple(member.info for member in members),
    )


def summarise_runs(members: Sequence[Member], metrics: Mapping[str, float]) -> RunSummary:
    """Summarise the members as if they were one run: the shared data, and the whole net's size."""
    first = members[0].summary
    sizes = [member.summary.net_info for member in members]
    net = {
        key: sum(size[key] for size in sizes)
        for key in ("parameters", "neurons", "connections")
        if all(key in size for size in sizes)
    }
    shared = {key: first.manifest.get(key) for key in ("data", "score")}
    return replace(
        first,
        config={"data": first.config.get("data")},
        manifest={**shared, "net": net},
        metrics=dict(metrics),
        rows=[],
    )
