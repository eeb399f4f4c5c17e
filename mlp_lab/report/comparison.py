"""Comparison of runs: grouped into settings by all but seed and fold, and tested in pairs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mlp_lab.report.config_diff import differing_keys, effective_settings, last_part
from mlp_lab.report.edges import describe_edges
from mlp_lab.report.formatting import format_key, format_setting, format_value
from mlp_lab.report.intervals import Interval
from mlp_lab.report.pairs import Pair, compare_pairs
from mlp_lab.report.run_files import find_some_runs, read_summary
from mlp_lab.report.run_summary import RunSummary, is_number
from mlp_lab.report.spread import Spread
from mlp_lab.report.tested_samples import interval_over_samples

_MOST_NAMED = 3  # columns in a heading
_DIGITS = 8  # of a hash, enough to tell data apart


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seed, and in their fold of a cross-validation, alone.

    Attributes:
        label: A short name.
        values: Its values of what differs between the settings of the comparison, by dotted key.
        summaries: Its runs, by seed and fold.
    """

    label: str
    values: dict[str, Any]
    summaries: list[RunSummary]

    @property
    def differing(self) -> dict[str, str]:
        """What differs as text, numbers in full."""
        return {key: format_value(value) for key, value in self.values.items()}

    def spread(self, key: str) -> Spread | None:
        """Return mean and deviation of a number of metrics.json over seeds, or over folds."""
        return Spread.over_runs((s, s.number(key)) for s in self.distinct_summaries)

    @property
    def folds(self) -> int | None:
        """Number of folds of its cross-validation; None without one."""
        return self.summaries[0].folds

    @property
    def num_seeds(self) -> int:
        """How many seeds its runs have."""
        return len({str(summary.seed) for summary in self.summaries})

    @property
    def repetitions(self) -> str:
        """How many seeds its numbers are of, and how many folds of each."""
        num = len(self.distinct_summaries)
        if self.folds is None:
            return str(num)
        seeds = f"{self.num_seeds} seeds x " if self.num_seeds > 1 else ""
        text = f"{seeds}{self.folds} folds"
        return text if num == self.num_seeds * self.folds else f"{num} of {text}"

    @property
    def distinct_summaries(self) -> list[RunSummary]:
        """Its runs, of those that repeat one another the newest alone."""
        newest: dict[tuple[Any, ...], RunSummary] = {}
        for summary in self.summaries:
            hashes = (summary.hashes.get(name) for name in ("data", "split"))
            key = (str(summary.seed), summary.fold, *hashes)
            if key not in newest or _end(newest[key]) <= _end(summary):
                newest[key] = summary
        return list(newest.values())

    @cached_property
    def test_interval(self) -> Interval | None:
        """95 % interval, over test samples, of these nets' mean score; None if not known."""
        return interval_over_samples(self.distinct_summaries, self.summaries[0].metric)

    @property
    def gap(self) -> Spread | None:
        """Generalisation gap over seeds, or over folds."""
        return Spread.over_runs((summary, summary.gap) for summary in self.distinct_summaries)

    @property
    def notes(self) -> list[str]:
        """The remarks given with its runs, each once."""
        return list(dict.fromkeys(s.note for s in self.distinct_summaries if s.note))

    @property
    def parameters(self) -> int | None:
        """Trainable parameters of the net."""
        return self.summaries[0].net_info.get("parameters")


@dataclass(frozen=True)
class Comparison:
    """Settings on the same data with the same kind of score, the best by validation first.

    Attributes:
        data: The data set, and how it was validated.
        score: Key of the metric that chose the best checkpoints: ``val/acc`` or ``val/loss``.
        highest_is_best: Whether a higher score is better.
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
        """The score's key without its part."""
        return self.score.partition("/")[2]

    @property
    def shown_metrics(self) -> list[str]:
        """Keys of the metrics that sum a setting up, the score's last."""
        return self.settings[0].summaries[0].shown_metrics

    @property
    def has_scaled_loss(self) -> bool:
        """Whether losses are of targets that were scaled to mean 0 and variance 1."""
        return self.settings[0].summaries[0].has_scaled_loss

    @property
    def data_notes(self) -> list[str]:
        """The notes on the data, each once."""
        summaries = [s for setting in self.settings for s in setting.distinct_summaries]
        return list(dict.fromkeys(note for summary in summaries for note in summary.notes))

    @property
    def num_runs(self) -> int:
        """How many runs there are, without those that repeat another."""
        return sum(len(setting.distinct_summaries) for setting in self.settings)

    @property
    def has_notes(self) -> bool:
        """Whether a remark was given with any run."""
        return any(setting.notes for setting in self.settings)

    @property
    def has_folds(self) -> bool:
        """Whether any setting was cross-validated."""
        return any(setting.folds is not None for setting in self.settings)

    @property
    def has_single_seeds(self) -> bool:
        """Whether the numbers of a setting come from one seed."""
        return any(len(setting.distinct_summaries) == 1 for setting in self.settings)

    def describe_edges(self, also_tried: Sequence[dict[str, Any]] = ()) -> list[str]:
        """Name the numbers in which the best setting lies at an edge of what was tried.

        Args:
            also_tried: Settings that no finished run is of, such as a search's pruned ones.
        """
        tried = [setting.values for setting in self.settings]
        return describe_edges(self.settings[0].values, [*tried, *also_tried])

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every setting against the best, as far as they share seeds and test samples."""
        best, *others = self.settings
        runs_of_best = {pairing_key(summary): summary for summary in best.distinct_summaries}
        found = [
            (
                setting.label,
                [
                    (summary, run_of_best)
                    for summary in setting.distinct_summaries
                    if (run_of_best := runs_of_best.get(pairing_key(summary))) is not None
                ],
            )
            for setting in others
        ]
        return compare_pairs(found, self.metric, highest_is_best=self.highest_is_best)

    @property
    def pairs_over(self) -> str:
        """What the differences from the best are over: seeds or folds."""
        return "folds" if any(pair.over == "folds" for pair in self.pairs) else "seeds"


def read_comparisons(
    directory: Path,
) -> tuple[list[Comparison], list[tuple[RunSummary, str]]]:
    """Read and compare all runs below a directory; see ``compare``.

    Raises:
        RunNotFoundError: It is no directory, or holds no run.
    """
    return compare([read_summary(run) for run in find_some_runs(directory)])


def compare(
    summaries: Sequence[RunSummary],
) -> tuple[list[Comparison], list[tuple[RunSummary, str]]]:
    """Group runs by their setting, and settings by their data and what they are scored by.

    Returns:
        The comparisons, and the runs that are left out with the reason of each.
    """
    comparable: dict[tuple[str, ...], list[RunSummary]] = {}
    left_out = []
    for summary in summaries:
        if not summary.config:
            left_out.append((summary, "its settings are unknown"))
        elif summary.status != "finished":
            left_out.append((summary, f"its status is {summary.status}"))
        elif summary.overfit_check:
            left_out.append((summary, "it is an overfit check"))
        elif summary.number(summary.score) is None:
            left_out.append((summary, "nothing was scored on validation"))
        else:
            comparable.setdefault(ranking_key(summary), []).append(summary)
    sources = list(dict.fromkeys(group[0].data for group in comparable.values()))
    groups = sorted(comparable.values(), key=lambda group: sources.index(group[0].data))
    return _tell_apart([_compare(group) for group in groups]), left_out


def ranking_key(summary: RunSummary) -> tuple[str, ...]:
    """Return what runs must share to be ranked: data, how they are validated, the score.

    A loss of scaled targets is none of targets as they are.
    """
    is_scaled = summary.metric == "loss" and summary.has_scaled_loss
    data = summary.data, summary.hashes.get("data", "")
    # Other validation samples, and nets of fewer training samples: no setting of folds is ranked
    # among others.
    validation = f"{summary.folds} folds" if summary.folds else summary.validation
    return *data, validation, summary.score, "scaled" if is_scaled else ""


def _compare(summaries: Sequence[RunSummary]) -> Comparison:
    by_setting: dict[str, list[RunSummary]] = {}
    for summary in summaries:
        key = json.dumps(effective_settings(summary), sort_keys=True)
        by_setting.setdefault(key, []).append(summary)
    groups = [sorted(group, key=_seed_order) for group in by_setting.values()]
    configs = [effective_settings(group[0]) for group in groups]
    keys = differing_keys(configs)
    settings = [
        Setting(label, {key: config.get(key) for key in keys}, group)
        for label, config, group in zip(_labels(groups, configs), configs, groups, strict=True)
    ]
    score, highest = summaries[0].score, summaries[0].highest_is_best

    def mean_score(setting: Setting) -> float:
        spread = setting.spread(score)
        assert spread is not None
        return spread.mean

    ranked = sorted(settings, key=mean_score, reverse=highest)
    return Comparison(_describe_data(summaries[0]), score, highest, ranked, keys)


def _labels(groups: list[list[RunSummary]], configs: list[dict[str, Any]]) -> list[str]:
    """Return a unique label for each group: its experiment, or what differs within that."""
    experiments = [min(summary.run.experiment for summary in group) for group in groups]
    own_keys = {
        name: differing_keys([c for c, e in zip(configs, experiments, strict=True) if e == name])
        for name in {*experiments}
    }
    labels = []
    for name, config in zip(experiments, configs, strict=True):
        values = [(last_part(key), format_setting(config.get(key))) for key in own_keys[name]]
        text = ", ".join(f"{key} {value}" for key, value in values if value)
        labels.append(f"{name}: {text}" if text and len(own_keys) > 1 else text or name)
    return [
        f"{label}, {group[0].name}" if labels.count(label) > 1 else label
        for label, group in zip(labels, groups, strict=True)
    ]


def _describe_data(summary: RunSummary) -> str:
    """Name the data set, its file, and validation by folds or on the test set."""
    file = Path(str(summary.flat_config.get("data.source.path") or "")).name
    name = summary.data if file in summary.data else f"{summary.data} '{file}'"
    if summary.folds:
        return f"{name}, {summary.folds} folds"
    return f"{name}, validated on the test set" if summary.validation == "test set" else name


def _tell_apart(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Add to headings that are equal what the data differ in, at last the hash."""
    alike: dict[tuple[str, str], list[int]] = {}
    for place, comparison in enumerate(comparisons):
        score = format_key(comparison.score, is_scaled=comparison.has_scaled_loss)
        alike.setdefault((comparison.data, score), []).append(place)
    told_apart = [*comparisons]
    for places in alike.values():
        if len(places) == 1:
            continue
        summaries = [comparisons[place].settings[0].summaries[0] for place in places]
        traits = zip(*map(_data_traits, summaries), strict=True)
        differing = [trait for trait in traits if len({*trait}) > 1]
        if len({*zip(*differing, strict=True)}) < len(places):
            differing.append(
                tuple(f"SHA-256 {s.hashes.get('data', '')[:_DIGITS]}" for s in summaries)
            )
        for place, texts in zip(places, zip(*differing, strict=True), strict=True):
            text = ", ".join(filter(None, texts))
            if text:
                data = f"{comparisons[place].data} ({text})"
                told_apart[place] = replace(comparisons[place], data=data)
    return told_apart


def _data_traits(summary: RunSummary) -> tuple[str, ...]:
    columns, dropped = summary.data_info.get("columns"), summary.flat_config.get("data.source.drop")
    names = [repr(str(name)) for name in dropped] if isinstance(dropped, list) else []
    dots = ", ..." if len(names) > _MOST_NAMED else ""
    num = sum(summary.num_samples.values())
    return (
        f"{len(columns)} column{'s' if len(columns) != 1 else ''}"
        if isinstance(columns, list)
        else "",
        f"without {', '.join(names[:_MOST_NAMED])}{dots}" if names else "",
        f"{num:,} samples" if num else "",
        f"validation = {summary.validation}",
    )


def pairing_key(summary: RunSummary) -> tuple[Any, ...]:
    """Return what two runs must share to be a pair: seed, data and test samples, and the fold.

    A fold is the samples that it holds out. Without folds, how much is held out for validation
    belongs to the setting.
    """
    hashes = summary.hashes
    fold = None if summary.fold is None else (summary.fold, hashes.get("val"))
    return str(summary.seed), fold, hashes.get("data"), hashes.get("test", hashes.get("split"))


def _seed_order(summary: RunSummary) -> tuple[bool, float, str, int]:
    known = is_number(summary.seed)
    return not known, summary.seed if known else 0.0, str(summary.seed), summary.fold or 0


def _end(summary: RunSummary) -> str:
    return str(summary.manifest.get("end"))
