"""Cross-validation: what the folds of each setting came to."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from mlp_lab.report.comparison import Comparison, Setting, pairing_key
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.spread import Spread

_MAX_FOLDS_LISTED = 10


@dataclass(frozen=True)
class CrossValidated:
    """What the folds of a setting came to.

    Attributes:
        setting: The setting.
        score: Its validation score over folds, of each the mean over its seeds.
        difference: Of the score, the setting's less the best's, over the folds that both have, on
            shared seeds; None for the best itself, and where there are none.
    """

    setting: Setting
    score: Spread
    difference: Spread | None

    @property
    def missing(self) -> list[str]:
        """A sentence for each seed that lacks a fold."""
        assert self.setting.folds is not None
        sentences = []
        for seed, runs in by_seed(self.setting):
            there = {run.fold for run in runs}
            lacking = (fold for fold in range(self.setting.folds) if fold not in there)
            if first := [*islice(lacking, _MAX_FOLDS_LISTED)]:
                dots = "" if next(lacking, None) is None else ", ..."
                sentences.append(
                    f"{self.setting.label}, seed {seed}: no finished run of fold "
                    f"{', '.join(map(str, first))}{dots} of {self.setting.folds}."
                )
        return sentences


def cross_validated(comparison: Comparison) -> list[CrossValidated]:
    """Return the settings of a comparison that were cross-validated, the best first."""
    settings = [setting for setting in comparison.settings if setting.folds is not None]
    found = []
    for setting in settings:
        score = setting.spread(comparison.score)
        assert score is not None  # else it would not be compared
        found.append(CrossValidated(setting, score, _difference(comparison, setting, settings[0])))
    return found


def _difference(comparison: Comparison, setting: Setting, best: Setting) -> Spread | None:
    """Return the paired difference of two settings that were validated on the same samples."""
    if setting is best:
        return None
    scores_of_best = {pairing_key(s): s.number(comparison.score) for s in best.distinct_summaries}
    return Spread.over_runs(
        (summary, score - score_of_best)
        for summary in setting.distinct_summaries
        if (score := summary.number(comparison.score)) is not None
        and (score_of_best := scores_of_best.get(pairing_key(summary))) is not None
    )


def by_seed(setting: Setting) -> Iterator[tuple[str, list[RunSummary]]]:
    """Yield each seed of a setting with its runs, by fold."""
    for seed, runs in groupby(setting.distinct_summaries, key=lambda run: str(run.seed)):
        yield seed, [*runs]
