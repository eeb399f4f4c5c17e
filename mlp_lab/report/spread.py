"""Mean, standard deviation and confidence interval of a number over several runs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of n numbers; the deviation of a single one is None."""

    mean: float
    deviation: float | None
    n: int

    @classmethod
    def of(cls, numbers: Iterable[float | None]) -> "Spread | None":
        """Return the spread of the numbers that are not None; None where there are none."""
        known = [number for number in numbers if number is not None]
        if not known:
            return None
        return cls(fmean(known), stdev(known) if len(known) > 1 else None, len(known))

    def confidence_interval(self) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of the mean by Student's t distribution.

        None for a single number, and for equal ones: then the seed changes nothing.
        """
        if not self.deviation:
            return None
        from scipy.special import stdtrit  # scipy.stats takes several times as long to import

        half = float(stdtrit(self.n - 1, 0.975)) * self.deviation / math.sqrt(self.n)
        return self.mean - half, self.mean + half

    def p_value(self) -> float | None:
        """Return the two-sided p value of Student's t test of a mean of 0; None as above."""
        if not self.deviation:
            return None
        from scipy.special import stdtr

        t = self.mean / self.deviation * math.sqrt(self.n)
        return 2 * float(stdtr(self.n - 1, -abs(t)))
