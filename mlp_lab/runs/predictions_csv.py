"""predictions.csv and its like: a row for each sample and its prediction. Imports no torch."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.files.atomic import replacing
from mlp_lab.files.plain_text import as_cell

Columns = list[tuple[str, Iterable[object]]]
"""Heads and contents of a table; two columns may have one head: a class may be called index."""


def place_columns(indices: Sequence[int], files: Sequence[str] | None) -> Columns:
    """Return the columns of where samples are: in their part of the source, and in which file."""
    places: Columns = [("index", indices)]
    return places if files is None else [*places, ("file", files)]


def class_columns(
    probabilities: NDArray[Any], labels: NDArray[Any], class_names: Sequence[str]
) -> Columns:
    """Return the columns of classes.

    Shape:
        probabilities ``(N, K)``; labels ``(N,)``, -1 where the class is not known.
    """
    predicted = probabilities.argmax(1)
    confidence = np.take_along_axis(probabilities, predicted[:, None], 1)[:, 0]
    return [
        ("label", [class_names[label] if label >= 0 else "" for label in labels.tolist()]),
        ("predicted", [class_names[guess] for guess in predicted.tolist()]),
        ("confidence", _six_digits(confidence)),
        *((name, _six_digits(p)) for name, p in zip(class_names, probabilities.T, strict=True)),
    ]


def target_columns(outputs: NDArray[Any], targets: NDArray[Any]) -> Columns:
    """Return the columns of targets and their predictions, ``(N, T)`` each."""
    columns: Columns = []
    for number in range(outputs.shape[1]):
        which = f"_{number + 1}" if outputs.shape[1] > 1 else ""
        columns.append((f"target{which}", _six_digits(targets[:, number])))
        columns.append((f"predicted{which}", _six_digits(outputs[:, number])))
    return columns


def write_columns(path: Path, columns: Columns) -> None:
    """Write a table, whole or not at all.

    Raises:
        WriteError: The file could not be written.
    """
    with (
        replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([as_cell(head) for head, _ in columns])
        rows = zip(*(values for _, values in columns), strict=True)
        writer.writerows([as_cell(value) for value in row] for row in rows)


def _six_digits(values: NDArray[Any]) -> list[str]:
    return ["" if math.isnan(value) else f"{value:.6f}" for value in values.tolist()]
