"""``mlp-lab infer``: what a model says of images and arrays."""

import argparse
import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from mlp_lab.cli.console import print_rows
from mlp_lab.errors import ConfigError
from mlp_lab.files.atomic import replacing
from mlp_lab.files.plain_text import as_cell
from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.predictor import Answers, Predictor

_ROWS_SHOWN = 20

Row = dict[str, Any]


def infer(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    words = make_parser().parse_args(args)
    predictor = Predictor(words.model, trust=words.trust)
    num_classes = len(predictor.info.class_names)
    if not 1 <= words.top_k <= max(num_classes, 1):
        raise ConfigError(f"top_k is {words.top_k}; the model has {num_classes} classes.")
    shown: list[Row] = []
    num = labelled = right = 0
    columns = columns_of(predictor.info, words.top_k)
    with _table(words.out, columns) as write:
        for answers in predictor.predict_files(words.paths, words.batch_size):
            for row in _rows(answers, predictor.info.class_names, words.top_k):
                write(row)
                if len(shown) < _ROWS_SHOWN:
                    shown.append(row)
            num += len(answers.names)
            if answers.labels is not None and answers.probabilities is not None:
                labelled += int((answers.labels >= 0).sum())
                right += int((answers.probabilities.argmax(1) == answers.labels).sum())
    print_rows(str(words.model), shown)
    if num > len(shown):
        print(f"... and {num - len(shown):,} more")
    accuracy = f", accuracy {right / labelled:.4f} of {labelled:,} labelled" if labelled else ""
    print(f"{num:,} inputs{accuracy}")
    if words.out:
        print(f"written: {words.out}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command's words."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab infer",
        description="Say what a model makes of images and arrays. Images are brought to the "
        "model's shape as in training; folders named after its classes give the accuracy.",
        allow_abbrev=False,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .onnx, .pth or .ckpt")
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="images, directories of images, or .npz and .pt files with x_test or x",
    )
    parser.add_argument("--out", type=Path, help="file for all answers, .csv or .json")
    parser.add_argument("--top_k", type=int, default=1, help="how many of the likeliest classes")
    parser.add_argument("--batch_size", type=int, default=256, help="inputs at a time")
    parser.add_argument(
        "--trust", action="store_true", help="accept a net of another package in a .pth or .ckpt"
    )
    return parser


def columns_of(info: ModelInfo, top_k: int) -> list[str]:
    """Return what is said of each input."""
    if not info.class_names:
        return ["input", *_numbered("predicted", info.num_outputs)]
    said = [(f"predicted{which}", f"confidence{which}") for which in _places(top_k)]
    return ["input", "label", *(column for pair in said for column in pair)]


def _places(top_k: int) -> list[str]:
    return ["", *(f"_{place}" for place in range(2, top_k + 1))]


def _numbered(name: str, num: int) -> list[str]:
    return [name] if num == 1 else [f"{name}_{place}" for place in range(1, num + 1)]


def _rows(answers: Answers, class_names: Sequence[str], top_k: int) -> Iterator[Row]:
    """Yield what is said of each input, in the columns of predictions.csv."""
    if answers.probabilities is None:
        columns = _numbered("predicted", answers.outputs.shape[1])
        for name, numbers in zip(answers.names, answers.outputs.tolist(), strict=True):
            yield {"input": name, **dict(zip(columns, numbers, strict=True))}
        return
    best = np.argsort(-answers.probabilities, axis=1, kind="stable")[:, :top_k]
    sure = np.take_along_axis(answers.probabilities, best, axis=1).tolist()
    labels = [-1] * len(best) if answers.labels is None else answers.labels.tolist()
    for name, label, classes, shares in zip(
        answers.names, labels, best.tolist(), sure, strict=True
    ):
        row: Row = {"input": name, "label": class_names[label] if label >= 0 else ""}
        for which, number, share in zip(_places(top_k), classes, shares, strict=True):
            row[f"predicted{which}"] = class_names[number]
            row[f"confidence{which}"] = share
        yield row


@contextlib.contextmanager
def _table(path: Path | None, columns: Sequence[str]) -> Iterator[Callable[[Row], None]]:
    """Give what takes rows one by one into a file that appears whole, or not at all.

    Raises:
        ConfigError: A file of another kind.
        WriteError: It cannot be written.
    """
    if path is None:
        yield lambda row: None
        return
    if path.suffix not in (".csv", ".json"):
        raise ConfigError(f"out is {str(path)!r}; it must be a .csv or a .json.")
    with (
        replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        if path.suffix == ".csv":
            yield _csv_rows(file, columns)
        else:
            file.write("[")
            yield _json_rows(file)
            file.write("\n]\n")


def _csv_rows(file: TextIO, columns: Sequence[str]) -> Callable[[Row], None]:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writerow({key: as_cell(key) for key in columns})

    def write(row: Row) -> None:
        digits = {k: f"{v:.7g}" if isinstance(v, float) else as_cell(v) for k, v in row.items()}
        writer.writerow(digits)

    return write


def _json_rows(file: TextIO) -> Callable[[Row], None]:
    separator = "\n"

    def write(row: Row) -> None:
        nonlocal separator
        file.write(separator + json.dumps(row, ensure_ascii=False, allow_nan=False))
        separator = ",\n"

    return write
