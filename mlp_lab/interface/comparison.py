"""``mlp_lab.compare``: many runs compared, as an object."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlp_lab.report.comparison import Comparison, read_comparisons
from mlp_lab.report.pages import render_comparison
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.search import SearchSummary, read_search_summary


@dataclass(frozen=True, repr=False)
class RunComparison:
    """Runs grouped into settings by all but seed and fold, ranked on validation.

    Attributes:
        comparisons: One for each data set and kind of score, settings the best first.
        left_out: Runs that cannot be compared, with the reason of each.
        search: What a search has tried, where the runs are of one.

    Example:
        >>> RunComparison([], []).table
        []
    """

    comparisons: list[Comparison]
    left_out: list[tuple[RunSummary, str]]
    search: SearchSummary | None = None

    def __repr__(self) -> str:
        """Say how many settings there are, and the best of each comparison."""
        best = "; ".join(f"{c.data}: {c.settings[0].label}" for c in self.comparisons)
        return (
            f"RunComparison({sum(len(c.settings) for c in self.comparisons)} settings, best {best})"
        )

    def __str__(self) -> str:
        """Return what ``to_markdown`` does."""
        return self.to_markdown()

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each setting: its label, what differs, and mean and deviation over its runs.

        ``validation`` and ``test`` are means, of the metric that ``metric`` names;
        ``test_interval`` has the ends of the 95 % interval over test samples, None if not known.
        """
        rows = []
        for comparison in self.comparisons:
            for setting in comparison.settings:
                validation = setting.spread(comparison.score)
                test = setting.spread(f"test/{comparison.metric}")
                rows.append(
                    {
                        "data": comparison.data,
                        "setting": setting.label,
                        "metric": comparison.metric,
                        "seeds": setting.num_seeds,
                        **({"folds": setting.folds} if comparison.has_folds else {}),
                        "validation": validation and validation.mean,
                        "validation_std": validation and validation.deviation,
                        "test": test and test.mean,
                        "test_std": test and test.deviation,
                        "test_interval": setting.test_interval,
                        **setting.differing,
                    }
                )
        return rows

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """A row for each setting but the best: how its test score differs from the best's.

        Intervals are 95 % confidence intervals; p values are corrected by Holm's method. With folds
        ``interval_over_seeds`` and ``p_over_seeds`` are over the folds, of each the mean of its
        seeds, and ``better_in`` counts runs. None is what is not known.
        """
        return [
            {
                "data": comparison.data,
                "setting": pair.label,
                "best": comparison.settings[0].label,
                "metric": comparison.metric,
                "difference": pair.difference.mean,
                "difference_std": pair.difference.deviation,
                "interval_over_seeds": pair.interval,
                "p_over_seeds": pair.p_value,
                "interval_over_samples": pair.sample_interval,
                "p_over_samples": pair.sample_p_value,
                "told_apart": pair.told_apart,
                "seeds": pair.seeds,
                **({"folds": pair.folds} if comparison.has_folds else {}),
                "better_in": pair.better,
                "seeds_needed": pair.seeds_needed,
            }
            for comparison in self.comparisons
            for pair in comparison.pairs
        ]

    def to_markdown(self) -> str:
        """Return the tables and the paired comparisons of report.md."""
        return render_comparison(self.comparisons, self.left_out, self.search)

    def _repr_markdown_(self) -> str:
        """Show the tables in a notebook."""
        return self.to_markdown()


def compare(directory: str | Path = "runs") -> RunComparison:
    """Compare all runs below a directory, as ``mlp-lab report`` does, and write nothing.

    Raises:
        RunNotFoundError: It is no directory, or holds no run.

    Example:
        >>> compare("nowhere")
        Traceback (most recent call last):
        mlp_lab.errors.RunNotFoundError: 'nowhere' is no directory. Give ...
    """
    return RunComparison(*read_comparisons(Path(directory)), read_search_summary(Path(directory)))
