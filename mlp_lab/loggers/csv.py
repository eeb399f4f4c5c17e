"""metrics.csv: a row for every step and every epoch, written in blocks."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.files.atomic import append_text, write_text
from mlp_lab.loggers.run_logger import COUNTERS, Row, RunLogger
from mlp_lab.runs.metrics_csv import read_rows


class CSVLogger(RunLogger):
    """Keep metrics in one CSV file, a column for each.

    Epochs and steps count from 1: a row describes the state after that many. Rows are appended as
    they come, in blocks; a metric not seen before adds a column, for which the file is written
    anew. The final test's metrics belong to metrics.json and are left out.

    Args:
        path: The file; what it holds already is kept.
    """

    version = 0  # Lightning needs one; here the run directory carries it

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._columns = _read_header(path)
        self._pending: list[dict[str, str]] = []

    @property
    def name(self) -> str:
        """The file's name; Lightning needs one."""
        return self.path.stem

    @property
    def save_dir(self) -> str:
        """The directory of the file; Lightning's profilers write there."""
        return str(self.path.parent)

    @rank_zero_only
    def log_rows(self, rows: Iterable[Row], every: int = 1) -> None:
        """Keep every row of a block until the next ``save``."""
        for row in rows:
            metrics = {
                key: repr(float(value))
                for key, value in row.items()
                if key not in COUNTERS and not key.startswith("test/")
            }
            if metrics:
                epoch, step = int(row.get("epoch", 1)), int(row["step"])
                self._pending.append({"epoch": str(epoch), "step": str(step), **metrics})

    @rank_zero_only
    def save(self) -> None:
        """Write the rows logged since the last time."""
        if not self._pending:
            return
        metrics = {*self._columns}.union(*self._pending) - {*COUNTERS}
        columns = [*COUNTERS, *sorted(metrics)]
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


def _to_csv(columns: list[str], rows: Iterable[Mapping[str, str]], *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue()
