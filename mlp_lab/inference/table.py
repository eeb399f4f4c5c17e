"""The table of predictions, the same from every command. Imports no torch."""

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.files.atomic import replacing
from mlp_lab.files.plain_text import as_cell

_OLD_NAME = "input"  # path or index in the tables of infer in version 0.1; goes in 0.3
_LIKELIEST = ("predicted", "confidence")


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: Its cells by column, numbers as floats; empty text for what is not known.
        probabilities: Probability of each class by name; none for regression.
        old_name: Its place as version 0.1 wrote it.
    """

    cells: dict[str, Any]
    probabilities: dict[str, float]
    old_name: str = ""


@dataclass(frozen=True)
class PredictionTable:
    """A row for each input: its place, its label, and what a net predicts.

    Behind the columns of ``before``, the place is ``index`` and, where inputs are files, ``file``.
    Of classes follow ``label``, ``predicted`` and ``confidence``, the probability of the predicted
    class; of targets ``target`` and ``predicted``, numbered from 1 where there are several. The
    probabilities of all classes come last, each in a column that is called as its class; in JSON
    they are an object of their own.

    Args:
        class_names: The classes; none for regression.
        num_outputs: Number of classes, or of targets.
        has_files: Whether any input is a file.
        top_k: How many of the likeliest classes are named, those behind the first as
            ``predicted_2``, ``confidence_2`` and so on.
        has_old_name: Whether ``input``, the path or index, is the last column of all.
        before: Columns before the place, such as the fold.
    """

    class_names: Sequence[str]
    num_outputs: int
    has_files: bool
    top_k: int = 1
    has_old_name: bool = False
    before: Sequence[str] = ()

    @property
    def columns(self) -> list[str]:
        """The columns before the probabilities; a class may be called as one of them."""
        place = [*self.before, "index", *(["file"] if self.has_files else [])]
        if self.class_names:
            behind = [f"{n}_{k}" for k in range(2, self.top_k + 1) for n in _LIKELIEST]
            return [*place, "label", *_LIKELIEST, *behind]
        numbers = range(1, self.num_outputs + 1)
        suffixes = [f"_{number}" for number in numbers] if self.num_outputs > 1 else [""]
        return [*place, *(f"{name}{s}" for s in suffixes for name in ("target", "predicted"))]

    def rows(
        self,
        places: Iterable[tuple[object, ...]],
        outputs: NDArray[np.floating],
        labels: NDArray[Any] | None,
        old_names: Iterable[str] = itertools.repeat(""),
    ) -> Iterator[Row]:
        """Yield a row for each input.

        Args:
            places: Of each what comes ``before``, its index and, where ``has_files``, its file.
            outputs: The probabilities of all classes, or the predicted targets.
            labels: The class of each, -1 where not known, or the targets, NaN where not known; None
                where none is known.
            old_names: Of each what stands in ``input``.

        Shape:
            outputs ``(N, K)`` or ``(N, T)``; labels ``(N,)`` or ``(N, T)``.
        """
        columns, names = self.columns, self.class_names
        values = (self._class_values if names else self._target_values)(outputs, labels)
        probabilities = outputs.tolist() if names else [[]] * len(outputs)
        rows = zip(places, values, probabilities, strict=True)
        for (place, cells, shares), old_name in zip(rows, old_names, strict=False):
            row = dict(zip(columns, (*place, *cells), strict=True))
            yield Row(row, dict(zip(names, shares, strict=True)), old_name)

    def _class_values(
        self, probabilities: NDArray[np.floating], labels: NDArray[Any] | None
    ) -> Iterator[list[object]]:
        names = self.class_names
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : self.top_k]
        confidences = np.take_along_axis(probabilities, best, axis=1)
        known = [-1] * len(best) if labels is None else labels.tolist()
        for label, classes, shares in zip(known, best.tolist(), confidences.tolist(), strict=True):
            pairs = zip(classes, shares, strict=True)
            likeliest = (cell for index, share in pairs for cell in (names[index], share))
            yield [names[label] if label >= 0 else "", *likeliest]

    def _target_values(
        self, outputs: NDArray[np.floating], targets: NDArray[Any] | None
    ) -> Iterator[list[object]]:
        known = np.full_like(outputs, np.nan) if targets is None else targets
        # Side by side, each target before its prediction.
        for row in np.stack([known, outputs], 2).reshape(len(outputs), -1).tolist():
            yield ["" if math.isnan(value) else value for value in row]

    def write(self, path: Path, rows: Iterable[Row]) -> None:
        """Write rows one by one into a ``.json`` or CSV file, which appears whole or not at all.

        Raises:
            WriteError: The file could not be written.
        """
        with (
            replacing(path) as part,
            part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            if path.suffix == ".json":
                file.write("[")
                for place, row in enumerate(rows):
                    text = json.dumps(self._as_object(row), ensure_ascii=False, allow_nan=False)
                    file.write(f",\n{text}" if place else f"\n{text}")
                file.write("\n]\n")
                return
            writer = csv.writer(file, lineterminator="\n")
            old_name = [_OLD_NAME] if self.has_old_name else []
            writer.writerow(map(as_cell, [*self.columns, *self.class_names, *old_name]))
            for row in rows:
                cells = [*row.cells.values(), *row.probabilities.values(), *self._old_cells(row)]
                writer.writerow(f"{c:.7g}" if isinstance(c, float) else as_cell(c) for c in cells)

    def _as_object(self, row: Row) -> dict[str, object]:
        probabilities = {"probabilities": row.probabilities} if self.class_names else {}
        old = dict(zip([_OLD_NAME], self._old_cells(row), strict=False))
        return {**row.cells, **probabilities, **old}

    def _old_cells(self, row: Row) -> list[str]:
        return [row.old_name] if self.has_old_name else []
