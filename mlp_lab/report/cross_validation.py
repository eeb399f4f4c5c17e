"""Cross-validation: what the folds of each setting came to."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlp_lab.report.comparison import Comparison, Setting
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.spread import Spread


@dataclass(frozen=True)
class CrossValidated:
    """What the folds of a setting came to.

    Attributes:
        setting: The setting.
        score: Its validation score over seeds and folds.
        difference: Of the score, the setting's less the best's, on the seeds and folds that both
            have; None for the best itself, and where there are none.
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
            if lacking := {*range(self.setting.folds)} - {run.fold for run in runs}:
                numbers = ", ".join(map(str, sorted(lacking)))
                sentences.append(
                    f"{self.setting.label}, seed {seed}: no finished run of fold {numbers} of "
                    f"{self.setting.folds}."
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
    scores_of_best = {_fold_key(s): s.number(comparison.score) for s in best.distinct_summaries}
    return Spread.of(
        (
            score - score_of_best
            for summary in setting.distinct_summaries
            if (score := summary.number(comparison.score)) is not None
            and (score_of_best := scores_of_best.get(_fold_key(summary))) is not None
        ),
        setting.overlap,
    )


def _fold_key(summary: RunSummary) -> tuple[str, str | None]:
    return str(summary.seed), summary.hashes.get("val")


def by_seed(setting: Setting) -> Iterator[tuple[str, list[RunSummary]]]:
    """Yield each seed of a setting with its runs, by fold."""
    runs = sorted(setting.distinct_summaries, key=lambda run: (str(run.seed), run.fold or 0))
    for seed in dict.fromkeys(str(run.seed) for run in setting.summaries):
        yield seed, [run for run in runs if str(run.seed) == seed]
