"""Mean, standard deviation and confidence interval of a number over several runs."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from mlp_lab.report.run_summary import RunSummary


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of n numbers; the deviation of a single one is None.

    Attributes:
        mean: The mean.
        deviation: The standard deviation.
        n: How many numbers there are.
        overlap: Validation samples for each training sample, where the numbers come from folds,
            whose training samples overlap; 0 for numbers that are independent of each other.
    """

    mean: float
    deviation: float | None
    n: int
    overlap: float = 0.0

    @classmethod
    def of(cls, numbers: Iterable[float | None], overlap: float = 0.0) -> "Spread | None":
        """Return the spread of the numbers that are not None; None where there are none."""
        known = [number for number in numbers if number is not None]
        if not known:
            return None
        return cls(fmean(known), stdev(known) if len(known) > 1 else None, len(known), overlap)

    @classmethod
    def of_samples(cls, scores: NDArray[np.float64]) -> "Spread":
        """Return the spread of the scores of N samples, ``(N,)``, at least one."""
        deviation = float(scores.std(ddof=1)) if len(scores) > 1 else None
        return cls(float(scores.mean()), deviation, len(scores))

    @classmethod
    def over_runs(cls, numbers: Iterable[tuple[RunSummary, float | None]]) -> "Spread | None":
        """Return the spread of a number of each run: over the folds, or over seeds without folds.

        The seeds of a fold share all of its samples, and are no further division of them: each
        fold counts once, with the mean of its seeds.
        """
        by_fold: defaultdict[int | None, list[float]] = defaultdict(list)
        overlap = 0.0
        for run, number in numbers:
            if number is not None:
                by_fold[run.fold].append(number)
                overlap = 1 / (run.folds - 1) if run.folds else 0.0
        if len(by_fold) > 1:
            return cls.of(map(fmean, by_fold.values()), overlap)
        return cls.of(chain.from_iterable(by_fold.values()))

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean; None for a single number.

        Numbers of folds are correlated, since their nets share training samples, and deviation /
        sqrt(n) would be too small for them: ``overlap`` is added to 1 / n, which makes the interval
        the corrected resampled t.

        Reference:
            Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003,
            https://doi.org/10.1023/A:1024068626366.
        """
        if self.deviation is None:
            return None
        return self.deviation * math.sqrt(1 / self.n + self.overlap)

    def confidence_interval(self) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of the mean by Student's t distribution.

        None for a single number, and for equal ones: then the seed changes nothing.
        """
        if not self.standard_error:
            return None
        from scipy.special import stdtrit  # scipy.stats takes several times as long to import

        half = float(stdtrit(self.n - 1, 0.975)) * self.standard_error
        return self.mean - half, self.mean + half

    def p_value(self) -> float | None:
        """Return the two-sided p value of Student's t test of a mean of 0; None as above."""
        if not self.standard_error:
            return None
        from scipy.special import stdtr

        t = self.mean / self.standard_error
        return 2 * float(stdtr(self.n - 1, -abs(t)))
