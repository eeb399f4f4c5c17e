"""``mlp-lab infer``: predictions for images, arrays and tables."""

import argparse
import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mlp_lab.cli.console import print_rows
from mlp_lab.errors import ConfigError
from mlp_lab.inference.inputs import Broken, names_files
from mlp_lab.inference.predictor import Predictions, Predictor
from mlp_lab.inference.table import PredictionTable, Row
from mlp_lab.inference.tables import AS_TRAINED, TableOptions
from mlp_lab.tables import is_table

_ROWS_SHOWN = 20


def infer(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    options = make_parser().parse_args(args)
    if options.out and options.out.suffix not in (".csv", ".json"):
        raise ConfigError(f"out is {str(options.out)!r}; it must be a .csv or a .json.")
    tables = TableOptions(options.separator, options.encoding, options.id)
    are_tables = all(map(is_table, options.paths))
    if tables != AS_TRAINED and not are_tables:
        raise ConfigError("--id, --separator and --encoding are for tables alone; leave them out.")
    predictor = Predictor(options.model, trust=options.trust)
    class_names = predictor.info.class_names
    if not 1 <= options.top_k <= max(len(class_names), 1):
        raise ConfigError(f"top_k is {options.top_k}; the model has {len(class_names)} classes.")
    table = PredictionTable(
        class_names,
        len(class_names) or predictor.info.num_outputs,
        has_files=any(map(names_files, options.paths)),
        top_k=options.top_k,
        has_old_name=not are_tables,
        before=() if tables.id_column is None else ("id",),
    )
    # Of several paths two may hold files of the same name.
    typed_dir = options.paths[0] if len(options.paths) == 1 and options.paths[0].is_dir() else None
    shown: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    targets: list[NDArray[np.floating]] = []
    errors: list[NDArray[np.floating]] = []

    def predict_rows() -> Iterator[Row]:
        for predictions in predictor.predict_files(
            options.paths, options.batch_size, options.broken, tables
        ):
            for row in _rows(table, predictions, counts["files"], typed_dir):
                if len(shown) < _ROWS_SHOWN:
                    shown.append(row.cells)
                yield row
            counts["inputs"] += len(predictions.names)
            counts["files"] += len(predictions.names) * predictions.are_files
            if predictions.labels is None:
                continue
            if predictions.probabilities is None:
                known = ~np.isnan(predictions.labels).any(1)
                targets.append(predictions.labels[known])
                errors.append(predictions.outputs[known] - predictions.labels[known])
            else:
                predicted = predictions.probabilities.argmax(1)
                counts["labelled"] += int((predictions.labels >= 0).sum())
                counts["correct"] += int((predicted == predictions.labels).sum())

    if options.out:
        table.write(options.out, predict_rows())
    else:
        deque(predict_rows(), maxlen=0)
    print_rows(str(options.model), shown)
    num, labelled = counts["inputs"], counts["labelled"]
    if num > len(shown):
        print(f"... and {num - len(shown):,} more")
    score = ""
    if labelled:
        score = f", accuracy {counts['correct'] / labelled:.4f} of {labelled:,} labelled"
    elif targets:
        score = _describe_errors(np.concatenate(targets), np.concatenate(errors))
    print(f"{num:,} inputs{score}")
    if options.out:
        print(f"written: {options.out}")
        if table.has_old_name:
            print("its 'input' is deprecated since 0.2 and removed in 0.3: use 'file' or 'index'")
    return 0


def _describe_errors(targets: NDArray[np.floating], errors: NDArray[np.floating]) -> str:
    """Format R² and RMSE of predicted targets, all ``(N, T)``; R² only where they differ."""
    squares = np.square(errors.astype(np.float64)).mean()
    variance = targets.var(axis=0, dtype=np.float64).mean()
    r2 = f"R² {1 - squares / variance:.4f}, " if variance > 0 else ""
    return f", {r2}RMSE {math.sqrt(squares):.4g} of {len(targets):,} with a target"


def _rows(
    table: PredictionTable, predictions: Predictions, num_files: int, typed_dir: Path | None
) -> Iterator[Row]:
    """Yield the rows of a batch; files are numbered, behind the ``num_files`` before them.

    They are named relative to ``typed_dir``, or as they were typed.
    """
    names = predictions.names
    indices = range(num_files, num_files + len(names)) if predictions.are_files else map(int, names)
    places: Iterable[tuple[object, ...]]
    if predictions.ids is not None:
        places = zip(predictions.ids, indices, strict=True)
    elif table.has_files:
        files = names if predictions.are_files else [""] * len(names)
        if typed_dir is not None:
            files = [str(Path(file).relative_to(typed_dir)) for file in files]
        places = zip(indices, files, strict=True)
    else:
        places = zip(indices)
    probabilities = predictions.probabilities
    outputs = predictions.outputs if probabilities is None else probabilities
    return table.rows(places, outputs, predictions.labels, names)


def make_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab infer",
        description="Predict images, arrays and tables with a model. Images are brought to the "
        "model's shape as in training; folders named after its classes give the accuracy, as the "
        "target's column of a table does.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .onnx, .pth or .ckpt; or a run"
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="images, directories of images, .npz and .pt files with x_test or x, or tables",
    )
    parser.add_argument("--out", type=Path, help="file for all predictions, .csv or .json")
    parser.add_argument("--top_k", type=int, default=1, help="how many of the likeliest classes")
    parser.add_argument("--batch_size", type=int, default=256, help="inputs at a time")
    parser.add_argument(
        "--broken",
        choices=get_args(Broken),
        default="refuse",
        help="whether an image that cannot be read is refused, or left out",
    )
    parser.add_argument("--id", metavar="COLUMN", help="a table's column that names its rows")
    parser.add_argument(
        "--separator", help="what separates a table's cells; by default as in training"
    )
    parser.add_argument("--encoding", help="encoding of a table; by default as in training")
    parser.add_argument(
        "--trust", action="store_true", help="accept a net of another package in a .pth or .ckpt"
    )
    return parser
