"""out_of_fold.csv: each sample as the net predicts it that was trained without its fold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError
from mlp_lab.inference.table import PredictionTable
from mlp_lab.report.comparison import Comparison
from mlp_lab.report.cross_validation import by_seed, cross_validated
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.outputs import Outputs


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of N samples by nets that were trained without them, in the samples' order.

    Attributes:
        outputs: The probability of each class ``(N, K)``, or the predicted targets ``(N, T)``.
        labels: The class of each sample ``(N,)``, or its targets ``(N, T)``.
        indices: The place of each sample in its part of the source, ``(N,)``.
        folds: The fold that each sample validated in, ``(N,)``.
        files: The file of each sample ``(N,)``, where samples have their own.
    """

    outputs: NDArray[np.float32]
    labels: NDArray[Any]
    indices: NDArray[np.int64]
    folds: NDArray[np.int64]
    files: NDArray[np.str_] | None


def join_folds(runs: Sequence[RunSummary]) -> OutOfFold:
    """Join the predictions of runs that differ in their fold alone.

    Raises:
        ChecksumError: One of them lacks its predictions, or they are damaged.
    """
    joined = _concatenate([_read(run) for run in runs])
    order = np.argsort(joined.indices)
    if (np.diff(joined.indices[order]) == 0).any():
        names = ", ".join(run.name for run in runs)
        raise ChecksumError(f"{names} share validation samples, so they are no folds of one split.")
    arrays = (None if array is None else array[order] for array in vars(joined).values())
    return OutOfFold(*arrays)  # type: ignore[arg-type]  # in the order of the fields


def _read(run: RunSummary) -> OutOfFold:
    path = run.run.validation_outputs_path
    if not path.is_file():
        raise ChecksumError(f"{str(path)!r} is missing.")
    found = Outputs.read(path)
    num_classes = len(run.class_names)
    expected = (
        (found.outputs.shape[1:], found.labels.shape[1:]) == ((num_classes,), ())
        and found.labels.dtype.kind == "i"
        and {*np.unique(found.labels).tolist()} <= {*range(num_classes)}
        if num_classes
        else found.outputs.shape == found.labels.shape
    )
    if not expected:
        raise ChecksumError(f"{str(path)!r} is of other classes or targets than its run.")
    folds = np.full(len(found.indices), run.fold)
    return OutOfFold(found.outputs, found.labels, found.indices, folds, found.files)


def _concatenate(parts: Sequence[OutOfFold]) -> OutOfFold:
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return OutOfFold(
        *(None if any(c is None for c in column) else np.concatenate(column) for column in columns)  # type: ignore[arg-type]  # in the order of the fields
    )


def write_out_of_fold(comparisons: Sequence[Comparison], out: Path) -> tuple[list[Path], list[str]]:
    """Write the predictions of all cross-validated settings, a file for each comparison.

    Args:
        comparisons: The runs.
        out: Where ``out_of_fold.csv`` goes; one of an earlier report is replaced, or removed.

    Returns:
        The files, and a sentence for each setting and seed that can be part of none.

    Raises:
        WriteError: A file cannot be written.
    """
    paths: list[Path] = []
    problems = []
    outdated = {*out.glob("out_of_fold.csv"), *out.glob("out_of_fold_[0-9].csv")}
    for comparison in comparisons:
        tables: dict[tuple[str, str], OutOfFold] = {}
        class_names: list[str] = []
        for setting in (found.setting for found in cross_validated(comparison)):
            class_names = setting.summaries[0].class_names
            for seed, runs in by_seed(setting):
                try:
                    tables[setting.label, seed] = join_folds(runs)
                except (ChecksumError, OSError) as error:
                    problems.append(f"{setting.label}, seed {seed}, is not among them: {error}")
        if tables:
            number = f"_{len(paths) + 1}" if paths else ""
            paths.append(out / f"out_of_fold{number}.csv")
            _write(paths[-1], tables, class_names)
    for path in outdated.difference(paths):
        path.unlink()
    return paths, problems


def _write(
    path: Path, tables: Mapping[tuple[str, str], OutOfFold], class_names: Sequence[str]
) -> None:
    """Write setting and seed, where there are several, the fold, and what predictions.csv has."""
    found = _concatenate([*tables.values()])
    before: dict[str, Iterable[object]] = {}
    for head, values in zip(("setting", "seed"), zip(*tables, strict=True), strict=True):
        if len({*values}) > 1:
            sizes = [len(table.indices) for table in tables.values()]
            repeated = ([value] * size for value, size in zip(values, sizes, strict=True))
            before[head] = chain.from_iterable(repeated)
    before["fold"] = found.folds.tolist()
    places = [*before.values(), found.indices.tolist()]
    if found.files is not None:
        places.append(found.files.tolist())
    table = PredictionTable(
        class_names,
        found.outputs.shape[1],
        has_files=found.files is not None,
        before=[*before],
    )
    table.write(path, table.rows(zip(*places, strict=True), found.outputs, found.labels))
