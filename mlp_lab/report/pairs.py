"""Settings against the best one in pairs of runs: over seeds or folds, and over test samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlp_lab.report.intervals import Interval
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.significance import LEVEL, holm, seeds_needed
from mlp_lab.report.spread import Spread
from mlp_lab.report.tested_samples import Answers, compare_on_samples, read_answers

RunPair = tuple[RunSummary, RunSummary]
"""A run and the one of the best setting that it is compared with."""


@dataclass(frozen=True)
class Pair:
    """A setting against the best, on the seeds, folds and test samples that both have.

    Attributes:
        label: The setting.
        difference: Of the test score, the setting's less the best's, over their seeds, or over
            their folds; see ``Spread.over_runs``.
        seeds: How many seeds they share.
        folds: How many folds they share; None without folds.
        runs: How many pairs of runs there are.
        interval: 95 % confidence interval of the mean difference over seeds or folds by Student's
            t distribution; None for one, or where all have the same difference.
        better: In how many pairs of runs the setting is the better one.
        p_value: Of a mean difference of 0 over seeds or folds, corrected by Holm's method for all
            pairs of the comparison; None as above.
        sample_interval: 95 % confidence interval of the difference of these nets over all samples
            of the kind; None where the predictions of the test samples are not known.
        sample_p_value: Of no difference over all samples of the kind, corrected alike; None as
            above.
    """

    label: str
    difference: Spread
    seeds: int
    folds: int | None
    runs: int
    interval: Interval | None
    better: int
    p_value: float | None
    sample_interval: Interval | None
    sample_p_value: float | None

    @property
    def over(self) -> str:
        """What the difference is over: seeds or folds."""
        return "folds" if self.difference.overlap else "seeds"

    @property
    def told_apart(self) -> str:
        """Whether the difference is more than chance: yes, no, or over which of both alone."""
        over_runs, over_samples = (
            p is not None and p < LEVEL for p in (self.p_value, self.sample_p_value)
        )
        if over_runs and over_samples:
            return "yes"
        if over_runs or over_samples:
            return f"over {self.over if over_runs else 'test samples'} alone"
        return "no"

    @property
    def seeds_needed(self) -> int | None:
        """How many shared seeds would show the difference, 8 times out of 10; None if not known.

        By a test over seeds alone with an uncorrected p below 5 %: to be told apart takes more.
        """
        return seeds_needed(self.difference)


def compare_pairs(
    found: Sequence[tuple[str, Sequence[RunPair]]], metric: str, *, highest_is_best: bool
) -> list[Pair]:
    """Compare settings with the best one, as far as they share anything with it.

    Args:
        found: Label of each setting, and its runs each with the best setting's.
        metric: What is compared, such as ``acc``.
        highest_is_best: Whether a higher one is better.
    """
    reader, sign = _Reader(metric), 1 if highest_is_best else -1
    pairs = [
        pair for label, runs in found if (pair := _compare(label, runs, reader, sign)) is not None
    ]
    corrected = _correct([pair.p_value for pair in pairs])
    sample_corrected = _correct([pair.sample_p_value for pair in pairs])
    return [
        replace(pair, p_value=p_value, sample_p_value=sample_p_value)
        for pair, p_value, sample_p_value in zip(pairs, corrected, sample_corrected, strict=True)
    ]


class _Reader:
    """Read the answers of the best setting's runs once, and of the others as they come."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self._of_best: dict[str, Answers | None] = {}

    def of(self, pair: RunPair) -> tuple[Answers, Answers] | None:
        run, best = pair
        key = str(best.run.dir)
        if key not in self._of_best:
            self._of_best[key] = read_answers(best, self.metric)
        first, second = read_answers(run, self.metric), self._of_best[key]
        return None if first is None or second is None else (first, second)


def _compare(label: str, runs: Sequence[RunPair], reader: _Reader, sign: int) -> Pair | None:
    key = f"test/{reader.metric}"
    tested = [
        (pair, score - score_of_best)
        for pair in runs
        if (score := pair[0].number(key)) is not None
        and (score_of_best := pair[1].number(key)) is not None
    ]
    spread = Spread.over_runs((run, difference) for (run, _), difference in tested)
    if spread is None:
        return None
    folds = {run.fold for (run, _), _ in tested}
    known = [both for pair, _ in tested if (both := reader.of(pair)) is not None]
    is_known = len(known) == len(tested)
    on_samples = compare_on_samples(known) if is_known else None
    return Pair(
        label=label,
        difference=spread,
        seeds=len({str(run.seed) for (run, _), _ in tested}),
        folds=None if None in folds else len(folds),
        runs=len(tested),
        interval=spread.confidence_interval(),
        better=sum(sign * difference > 0 for _, difference in tested),
        p_value=spread.p_value(),
        sample_interval=on_samples[0] if on_samples else None,
        sample_p_value=on_samples[1] if on_samples else None,
    )


def _correct(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct those that are known for their number."""
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]
