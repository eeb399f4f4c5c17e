"""What a search has tried, as ``search.json`` beside its runs holds it: no study is needed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlp_lab.errors import ChecksumError
from mlp_lab.report.config_diff import last_part
from mlp_lab.report.formatting import format_metric, format_setting
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.metrics_csv import History
from mlp_lab.runs.run import read_json

SEARCH_FILE = "search.json"


@dataclass(frozen=True)
class SearchSummary:
    """What a search has tried.

    Attributes:
        score: Key of the metric that settings are ranked by.
        highest_is_best: Whether a higher score is better.
        keys: The settings that were searched.
        tried: Their values in each trial that came to an end.
        scores: Numbers and scores of the trials in a state: ``complete``, ``pruned``.
        num_settings: How many settings came to an end.
        num_pruned: How many of them were given up.
        importances: Optuna's importance of each setting, in 0..1; empty where it found none.
    """

    score: str
    highest_is_best: bool
    keys: list[str]
    tried: list[dict[str, object]]
    scores: dict[str, History]
    num_settings: int
    num_pruned: int
    importances: dict[str, float]

    @property
    def caution(self) -> str:
        """A sentence about what the winner's validation score is worth; empty without rivals."""
        if self.num_settings < 2:
            return ""
        of_them = f", {self.num_pruned} of which were given up early" if self.num_pruned else ""
        return (
            f"The best was chosen among {self.num_settings} settings{of_them}, by validation "
            f"{format_metric(self.score)}: that score is optimistic, the more so the more settings "
            "were tried."
        )

    def describe(self, summary: RunSummary) -> str:
        """Describe a run by the settings that were searched."""
        config = summary.flat_config
        values = {key: config.get(f"{key}.class_path", config.get(key)) for key in self.keys}
        return ", ".join(f"{last_part(key)} {format_setting(v)}" for key, v in values.items())


def read_search_summary(directory: Path) -> SearchSummary | None:
    """Read what a search into a directory has tried; None where there was no search.

    Raises:
        ChecksumError: The file is damaged.
    """
    content = read_json(directory / SEARCH_FILE)
    if not content:
        return None
    try:
        score = str(content["score"])
        if not re.fullmatch(r"val/\w+", score):
            raise ValueError(score)
        trials = [t for t in content["trials"] if t["state"] in ("complete", "pruned", "fail")]
        return SearchSummary(
            score=score,
            highest_is_best=content["mode"] == "max",
            keys=list(dict.fromkeys(str(key) for trial in trials for key in trial["params"])),
            tried=[{str(k): v for k, v in trial["params"].items()} for trial in trials],
            scores={state: _scores(trials, state) for state in ("complete", "pruned")},
            num_settings=len(trials),
            num_pruned=sum(trial["state"] == "pruned" for trial in trials),
            importances={str(k): float(v) for k, v in content["importances"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ChecksumError(f"{str(directory / SEARCH_FILE)!r} is damaged.") from error


def _scores(trials: Sequence[dict[str, object]], state: str) -> History:
    chosen = [t for t in trials if t["state"] == state and isinstance(t["value"], int | float)]
    return [float(str(t["number"])) for t in chosen], [float(str(t["value"])) for t in chosen]
