"""``mlp-lab infer``: predictions for images and arrays."""

import argparse
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from mlp_lab.cli.console import print_rows
from mlp_lab.errors import ConfigError
from mlp_lab.inference.inputs import Broken, names_files
from mlp_lab.inference.predictor import Predictions, Predictor
from mlp_lab.inference.table import PredictionTable, Row

_ROWS_SHOWN = 20


def infer(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    options = make_parser().parse_args(args)
    if options.out and options.out.suffix not in (".csv", ".json"):
        raise ConfigError(f"out is {str(options.out)!r}; it must be a .csv or a .json.")
    predictor = Predictor(options.model, trust=options.trust)
    class_names = predictor.info.class_names
    if not 1 <= options.top_k <= max(len(class_names), 1):
        raise ConfigError(f"top_k is {options.top_k}; the model has {len(class_names)} classes.")
    table = PredictionTable(
        class_names,
        len(class_names) or predictor.info.num_outputs,
        has_files=any(map(names_files, options.paths)),
        top_k=options.top_k,
        has_old_name=True,
    )
    # Of several paths two may hold files of the same name.
    typed_dir = options.paths[0] if len(options.paths) == 1 and options.paths[0].is_dir() else None
    shown: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()

    def predict_rows() -> Iterator[Row]:
        for predictions in predictor.predict_files(
            options.paths, options.batch_size, options.broken
        ):
            for row in _rows(table, predictions, counts["files"], typed_dir):
                if len(shown) < _ROWS_SHOWN:
                    shown.append(row.cells)
                yield row
            counts["inputs"] += len(predictions.names)
            counts["files"] += len(predictions.names) * predictions.are_files
            if predictions.labels is not None and predictions.probabilities is not None:
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
    accuracy = ""
    if labelled:
        accuracy = f", accuracy {counts['correct'] / labelled:.4f} of {labelled:,} labelled"
    print(f"{num:,} inputs{accuracy}")
    if options.out:
        print(f"written: {options.out}")
        print("its 'input' is deprecated since 0.2 and removed in 0.3: use 'file' or 'index'")
    return 0


def _rows(
    table: PredictionTable, predictions: Predictions, num_files: int, typed_dir: Path | None
) -> Iterator[Row]:
    """Yield the rows of a batch; files are numbered, behind the ``num_files`` before them.

    They are named relative to ``typed_dir``, or as they were typed.
    """
    names = predictions.names
    indices = range(num_files, num_files + len(names)) if predictions.are_files else map(int, names)
    places: Iterable[tuple[object, ...]]
    if table.has_files:
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
