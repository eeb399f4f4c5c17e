"""What a sweep prints: its beginning, and of a trial's runs scores and notes on their data."""

import sys
from collections.abc import Sequence
from statistics import fmean

from mlp_lab.files.plain_text import as_shown
from mlp_lab.report.formatting import format_key, format_number
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.sweep.trials import SweepDir


def print_beginning(sweep: SweepDir, num: int, done: int) -> None:
    """Print how many trials a sweep has, and how many of them were done before."""
    trials = "1 trial" if num == 1 else f"{num} trials"
    print(f"sweep: {sweep.dir}: {trials}, {done} of them done before")


def format_scores(summaries: Sequence[RunSummary]) -> str:
    """Format the mean validation scores of some runs, the one that ranks them last."""
    first, texts = summaries[0], []
    for metric in first.shown_metrics:
        key = f"val/{metric}"
        numbers = [n for summary in summaries if (n := summary.number(key)) is not None]
        value = format_number(fmean(numbers), key) if numbers else "not scored"
        texts.append(f"{format_key(key, is_scaled=first.has_scaled_loss)} {value}")
    return "  ".join(texts)


def print_notes(summaries: Sequence[RunSummary], printed: set[str]) -> None:
    """Print the notes on the data of some runs as a fit does, and add them to those printed."""
    for note in dict.fromkeys(note for summary in summaries for note in summary.notes):
        if note not in printed:
            printed.add(note)
            print(as_shown(f"warning: {note}"), file=sys.stderr, flush=True)
