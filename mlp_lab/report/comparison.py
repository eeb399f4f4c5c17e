"""Many runs side by side: settings with their seeds, and pairs that share them."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mlp_lab.report.config_diff import asked, differing_keys, last_word, say
from mlp_lab.report.run_summary import RunSummary, is_number


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of n numbers; the latter is unknown for one."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, numbers: Iterable[float | None]) -> "Spread | None":
        """Return the spread of the numbers there are, None where there are none."""
        known = [number for number in numbers if number is not None]
        if not known:
            return None
        return cls(fmean(known), stdev(known) if len(known) > 1 else None, len(known))


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seed alone.

    Attributes:
        label: A short name.
        differing: What the other settings of the comparison have otherwise, by dotted key.
        stories: Its runs, by seed.
    """

    label: str
    differing: dict[str, str]
    stories: list[RunSummary]

    def spread(self, key: str) -> Spread | None:
        """Return mean and deviation of a number of metrics.json over the seeds."""
        return Spread.of(story.number(key) for story in self.draws)

    @property
    def draws(self) -> list[RunSummary]:
        """Its runs, of those that repeat one another the newest alone."""
        newest: dict[tuple[Any, ...], RunSummary] = {}
        for story in self.stories:
            known = newest.get(_draw(story))
            if known is None or _end(known) <= _end(story):
                newest[_draw(story)] = story
        return list(newest.values())

    @property
    def gap(self) -> Spread | None:
        """How much better training samples are known than test samples."""
        return Spread.of(story.gap for story in self.draws)

    @property
    def parameters(self) -> int | None:
        """Trainable parameters of the net."""
        return self.stories[0].about_net.get("parameters")


@dataclass(frozen=True)
class Pair:
    """A setting against the best, on the seeds and test samples that both have.

    Attributes:
        label: The setting.
        difference: Of the test score, the setting's less the best's.
        interval: Where the true mean difference lies with 95 % confidence, after Student; None for
            one seed, or where all seeds have the same difference.
        better: Of how many seeds the setting is the better one.
    """

    label: str
    difference: Spread
    interval: tuple[float, float] | None
    better: int


@dataclass(frozen=True)
class Comparison:
    """Settings on the same data with the same kind of score, the best by validation first.

    Attributes:
        data: The data set, and how it was validated.
        score: What chose the best checkpoints: ``val/acc`` or ``val/loss``.
        highest_is_best: Whether more of it is better.
        settings: The settings.
        keys: What they differ in.
    """

    data: str
    score: str
    highest_is_best: bool
    settings: list[Setting]
    keys: list[str]

    @property
    def metric(self) -> str:
        """The score's name without its part."""
        return self.score.partition("/")[2]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every setting against the best, as far as they share seeds and test samples."""
        best, *others = self.settings
        found = (self._pair(setting, best) for setting in others)
        return [pair for pair in found if pair is not None]

    def _pair(self, setting: Setting, best: Setting) -> Pair | None:
        key = f"test/{self.metric}"
        theirs = {_tested(story): story.number(key) for story in best.draws}
        differences = [
            number - other
            for story in setting.draws
            if (number := story.number(key)) is not None
            and (other := theirs.get(_tested(story))) is not None
        ]
        spread = Spread.of(differences)
        if spread is None:
            return None
        sign = 1 if self.highest_is_best else -1
        better = sum(sign * difference > 0 for difference in differences)
        return Pair(setting.label, spread, _interval(spread), better)


def compare(stories: Sequence[RunSummary]) -> tuple[list[Comparison], list[tuple[RunSummary, str]]]:
    """Group runs by their setting, and settings by their data and what they are scored by.

    Returns:
        The comparisons, and the runs that are left out with the reason of each.
    """
    alike: dict[tuple[str, ...], list[RunSummary]] = {}
    left_out = []
    for story in stories:
        if not story.config:
            left_out.append((story, "nobody knows what was asked"))
        elif story.status != "finished":
            left_out.append((story, f"its status is {story.status}"))
        elif story.number(story.score) is None:
            left_out.append((story, "nothing was scored on validation"))
        else:
            alike.setdefault(kind_of(story), []).append(story)
    return [_compare_alike(group) for group in alike.values()], left_out


def kind_of(story: RunSummary) -> tuple[str, ...]:
    """Return what runs must share to be ranked: data, how they are validated, the score."""
    return story.data, story.hashes.get("data", ""), story.validation, story.score


def _title(story: RunSummary) -> str:
    """Say what data a story is of, and whether its validation is an honest one."""
    file = Path(str(story.settings.get("data.source.path") or "")).name
    named = story.data if file in story.data else f"{story.data} '{file}'"
    return f"{named}, validated on the test set" if story.validation == "test set" else named


def _compare_alike(stories: list[RunSummary]) -> Comparison:
    by_setting: dict[str, list[RunSummary]] = {}
    for story in stories:
        by_setting.setdefault(json.dumps(asked(story), sort_keys=True), []).append(story)
    groups = [sorted(group, key=_seed_order) for group in by_setting.values()]
    wishes = [asked(group[0]) for group in groups]
    keys = differing_keys(wishes)
    experiments = [min(story.run.experiment for story in group) for group in groups]
    of_experiment: dict[str, list[dict[str, Any]]] = {}
    for name, wish in zip(experiments, wishes, strict=True):
        of_experiment.setdefault(name, []).append(wish)
    own_keys = {name: differing_keys(mates) for name, mates in of_experiment.items()}
    settings = []
    for group, name, wish in zip(groups, experiments, wishes, strict=True):
        differing = {key: say(wish.get(key)) for key in keys}
        own = {key: say(wish.get(key)) for key in own_keys[name]}
        told = ", ".join(f"{last_word(key)} {value}" for key, value in own.items() if value)
        if told and len(own_keys) > 1:
            told = f"{name}: {told}"
        settings.append(Setting(told or name, differing, group))
    labels = [setting.label for setting in settings]
    settings = [
        replace(s, label=f"{s.label}, {s.stories[0].name}") if labels.count(s.label) > 1 else s
        for s in settings
    ]
    score, highest = stories[0].score, stories[0].highest_is_best

    def rank(setting: Setting) -> float:
        spread = setting.spread(score)
        assert spread is not None
        return -spread.mean if highest else spread.mean

    return Comparison(_title(stories[0]), score, highest, sorted(settings, key=rank), keys)


def _draw(story: RunSummary) -> tuple[Any, ...]:
    """What a run that repeats another one has in common with it, beside the setting."""
    return str(story.seed), story.hashes.get("data"), story.hashes.get("split")


def _tested(story: RunSummary) -> tuple[Any, ...]:
    """What two runs must share to be a pair: the seed, the data and what is tested of them.

    How much of the rest is held out for validation belongs to the setting.
    """
    test = story.hashes.get("test", story.hashes.get("split"))
    return str(story.seed), story.hashes.get("data"), test


def _seed_order(story: RunSummary) -> tuple[bool, float, str]:
    known = is_number(story.seed)
    return not known, story.seed if known else 0.0, str(story.seed)


def _end(story: RunSummary) -> str:
    return str(story.manifest.get("end"))


def _interval(spread: Spread) -> tuple[float, float] | None:
    """Return where the mean lies with 95 % confidence, by Student's t distribution."""
    if not spread.deviation:  # nor of seeds that change nothing
        return None
    from scipy.special import stdtrit

    half = float(stdtrit(spread.n - 1, 0.975)) * spread.deviation / math.sqrt(spread.n)
    return spread.mean - half, spread.mean + half
