"""``mlp-lab infer``: predictions for images and arrays."""

import argparse
import csv
import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import numpy as np

from mlp_lab.cli.console import print_rows
from mlp_lab.errors import ConfigError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.plain_text import as_cell
from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.inputs import Broken
from mlp_lab.inference.predictor import Predictions, Predictor

_ROWS_SHOWN = 20

Row = dict[str, Any]


def infer(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    options = make_parser().parse_args(args)
    predictor = Predictor(options.model, trust=options.trust)
    class_names = predictor.info.class_names
    if not 1 <= options.top_k <= max(len(class_names), 1):
        raise ConfigError(f"top_k is {options.top_k}; the model has {len(class_names)} classes.")
    columns = table_columns(predictor.info, options.top_k)
    shown: list[Row] = []
    counts: Counter[str] = Counter()

    def predict_rows() -> Iterator[Row]:
        for predictions in predictor.predict_files(
            options.paths, options.batch_size, options.broken
        ):
            for row in table_rows(predictions, columns, class_names):
                if len(shown) < _ROWS_SHOWN:
                    shown.append(row)
                yield row
            counts["inputs"] += len(predictions.names)
            if predictions.labels is not None and predictions.probabilities is not None:
                predicted = predictions.probabilities.argmax(1)
                counts["labelled"] += int((predictions.labels >= 0).sum())
                counts["correct"] += int((predicted == predictions.labels).sum())

    write_table(options.out, columns, predict_rows())
    print_rows(str(options.model), shown)
    num, labelled = counts["inputs"], counts["labelled"]
    if num > len(shown):
        print(f"... and {num - len(shown):,} more")
    accuracy = ""
    if labelled:
        accuracy = f", accuracy {counts['correct'] / labelled:.4f} of {labelled:,} labelled"
    print(f"{num:,} inputs{accuracy}")
    if options.out:
        print(f"written: {options.out}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab infer",
        description="Predict images and arrays with a model. Images are brought to the model's "
        "shape as in training; folders named after its classes give the accuracy.",
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
        help="images, directories of images, or .npz and .pt files with x_test or x",
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
    parser.add_argument(
        "--trust", action="store_true", help="accept a net of another package in a .pth or .ckpt"
    )
    return parser


def table_columns(info: ModelInfo, top_k: int) -> list[str]:
    """Return the columns of predictions.csv; the likeliest classes are a pair of columns each."""
    if not info.class_names and info.num_outputs == 1:
        return ["input", "predicted"]
    if not info.class_names:
        return ["input", *(f"predicted_{place}" for place in range(1, info.num_outputs + 1))]
    columns = ["input", "label", "predicted", "confidence"]
    for place in range(2, top_k + 1):
        columns += [f"predicted_{place}", f"confidence_{place}"]
    return columns


def table_rows(
    predictions: Predictions, columns: Sequence[str], class_names: Sequence[str]
) -> Iterator[Row]:
    """Yield a row for each input, with the columns of ``table_columns``."""
    if predictions.probabilities is None:
        for name, numbers in zip(predictions.names, predictions.outputs.tolist(), strict=True):
            yield dict(zip(columns, [name, *numbers], strict=True))
        return
    top_k = len(columns) // 2 - 1
    best = np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, :top_k]
    confidences = np.take_along_axis(predictions.probabilities, best, axis=1)
    labels = [-1] * len(best) if predictions.labels is None else predictions.labels.tolist()
    for name, label, classes, shares in zip(
        predictions.names, labels, best.tolist(), confidences.tolist(), strict=True
    ):
        pairs = zip((class_names[index] for index in classes), shares, strict=True)
        cells = [name, class_names[label] if label >= 0 else "", *chain.from_iterable(pairs)]
        yield dict(zip(columns, cells, strict=True))


def write_table(path: Path | None, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows one by one into a file that appears whole, or not at all; without, consume them.

    Raises:
        ConfigError: A file of another kind.
        WriteError: The file could not be written.
    """
    if path is None:
        deque(rows, maxlen=0)
        return
    if path.suffix not in (".csv", ".json"):
        raise ConfigError(f"out is {str(path)!r}; it must be a .csv or a .json.")
    with (
        replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        if path.suffix == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                cells = (f"{v:.7g}" if isinstance(v, float) else as_cell(v) for v in row.values())
                writer.writerow(cells)
        else:
            file.write("[")
            for place, row in enumerate(rows):
                text = json.dumps(row, ensure_ascii=False, allow_nan=False)
                file.write(f",\n{text}" if place else f"\n{text}")
            file.write("\n]\n")
