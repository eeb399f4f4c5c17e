"""metrics.csv: a row for every step and every epoch, written in blocks."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.files.atomic import append_text, write_text
from mlp_lab.loggers.run_logger import Row, RunLogger
from mlp_lab.runs.metrics_csv import read_rows

_FIRST_COLUMNS = ("epoch", "step")


class CSVLogger(RunLogger):
    """Keep metrics in one CSV file, a column for each.

    Epochs and steps count from 1: a row tells the state after so many. Rows are appended as they
    come, in blocks; a metric not seen before adds a column, for which the file is written anew. The
    final test's metrics belong to metrics.json and are passed over.

    Args:
        path: The file; what it holds already is kept.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._columns = _read_header(path)
        self._pending: list[dict[str, str]] = []

    @property
    def name(self) -> str:
        """Lightning wants a name."""
        return self.path.stem

    @property
    def save_dir(self) -> str:
        """The directory of the file; Lightning's profilers write there."""
        return str(self.path.parent)

    @property
    def version(self) -> int:
        """Lightning wants a version; the run directory carries it here."""
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take one row; Lightning counts epochs and steps from 0."""
        row = {key: value for key, value in metrics.items() if not key.startswith("test/")}
        if row.keys() - {"epoch"}:
            self.log_rows([{**row, "epoch": row.get("epoch", 0) + 1, "step": (step or 0) + 1}])

    @rank_zero_only
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Take all of a block of rows, each with ``epoch`` and ``step``."""
        self._pending += [
            {
                key: str(int(value)) if key in _FIRST_COLUMNS else repr(float(value))
                for key, value in row.items()
            }
            for row in rows
        ]

    @rank_zero_only
    def save(self) -> None:
        """Write the rows taken since the last time."""
        if not self._pending:
            return
        columns = sorted(
            {key for row in self._pending for key in row} | set(self._columns), key=_rank
        )
        if columns != self._columns:
            old = read_rows(self.path)
            self._columns = columns
            write_text(self.path, _to_csv(columns, [*old, *self._pending], header=True))
        else:
            append_text(self.path, _to_csv(columns, self._pending, header=False))
        self._pending = []

    @rank_zero_only
    def go_back(self, step: int) -> None:
        """Drop what was logged after ``step``: a resumed run repeats it."""
        self._pending = []
        if self.path.is_file():
            rows = [row for row in read_rows(self.path) if int(row["step"]) <= step]
            write_text(self.path, _to_csv(self._columns, rows, header=True))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()


def _read_header(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def _rank(column: str) -> tuple[int, str]:
    """Order columns: epoch, step, then the rest by name."""
    place = _FIRST_COLUMNS.index(column) if column in _FIRST_COLUMNS else len(_FIRST_COLUMNS)
    return place, column


def _to_csv(columns: list[str], rows: Iterable[Mapping[str, str]], *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
