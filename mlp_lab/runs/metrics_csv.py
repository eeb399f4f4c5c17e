"""metrics.csv read back: what a training was like from step to step. Imports no torch."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

Rows = list[dict[str, str]]
"""Complete rows of a metrics.csv; a column without a value is empty."""

History = tuple[Sequence[float], Sequence[float]]
"""When, in steps or epochs, and what, ``(n,)`` each."""


def read_rows(path: Path) -> Rows:
    """Read the complete rows of a metrics.csv; a last line without its end was being written."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    csv.field_size_limit(max(csv.field_size_limit(), len(whole)))
    return list(csv.DictReader(io.StringIO(whole)))


def column(rows: Iterable[Mapping[str, str]], key: str, when: str) -> History:
    """Return a column, and the ``epoch`` or ``step`` of each of its values."""
    chosen = [row for row in rows if row.get(key)]
    return [float(row[when]) for row in chosen], [float(row[key]) for row in chosen]


def epoch_means(rows: Iterable[Mapping[str, str]], key: str) -> History:
    """Return the mean over the steps of each epoch."""
    by_epoch: dict[float, list[float]] = {}
    for epoch, value in zip(*column(rows, key, "epoch"), strict=True):
        by_epoch.setdefault(epoch, []).append(value)
    return list(by_epoch), [fmean(values) for values in by_epoch.values()]
