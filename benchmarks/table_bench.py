"""Hold the recipes for tables against scikit-learn's models, over ten splits of each table.

    .venv/bin/python benchmarks/table_bench.py --tables DIR --runs-dir runs/tables

Each split holds out 20 % of the rows for the test, the same for all; what a model needs to stop or
to choose an epoch, it holds out of the rest. What is finished is not run again. The tables in
docs/experiments.md are written anew.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import experiment_tables as documents
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlp_lab
from mlp_lab.files.atomic import write_text
from mlp_lab.tables.reading import MISSING

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "experiments.md"
RECIPES = ROOT / "configs" / "recipe"
NUM_SPLITS = 10
TEST_FRACTION = 0.2


@dataclass(frozen=True)
class TableTask:
    """A table and what is to be predicted.

    Attributes:
        name: Its file, without ``.csv``.
        target: The column that is predicted.
        dropped: Columns that repeat the target.
        has_classes: Whether the target holds classes; numbers otherwise.
    """

    name: str
    target: str
    dropped: tuple[str, ...] = ()
    has_classes: bool = True

    @property
    def score(self) -> str:
        """Name of the score in metrics.json."""
        return "test/acc" if self.has_classes else "test/r2"


TASKS = (
    TableTask("titanic", "survived", ("alive",)),
    TableTask("penguins", "species"),
    TableTask("diamonds", "price", has_classes=False),
    TableTask("housing", "median_house_value", has_classes=False),
)
OURS = ("base", "best")
LABELS = {
    "boosting": "HistGradientBoosting",
    "mlp": "MLP (200,), early stopping",
    "linear": "linear",
    "base": "ours, base",
    "best": "ours, best",
}


def main() -> None:
    """Run what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, required=True, help="directory of the .csv files")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/tables"))
    parser.add_argument("--only", default="", help="one table alone")
    parser.add_argument("--contestants", default=",".join(LABELS))
    options = parser.parse_args()
    results = options.runs_dir / "results.json"
    done: dict[str, Any] = json.loads(results.read_text()) if results.is_file() else {}
    for task in TASKS:
        if options.only in ("", task.name):
            for split in range(NUM_SPLITS):
                for name in options.contestants.split(","):
                    key = f"{task.name}/{name}/{split}"
                    if key not in done:
                        done[key] = _run(task, name, split, options.tables, options.runs_dir)
                        print(key, done[key], flush=True)
                        write_text(results, json.dumps(done, indent=1))
    for task in TASKS:
        print(_format_task(task, done))
    write_text(DOCUMENT, documents.fill(DOCUMENT.read_text(), {"tables": _format(done)}))


def _run(task: TableTask, name: str, split: int, tables: Path, runs: Path) -> dict[str, float]:
    frame = pl.read_csv(
        tables / f"{task.name}.csv", null_values=[*MISSING], infer_schema_length=None
    ).drop(task.dropped)
    target = frame[task.target].to_numpy()
    train, test = train_test_split(
        np.arange(len(frame)),
        test_size=TEST_FRACTION,
        random_state=split,
        stratify=target if task.has_classes else None,
    )
    if name in OURS:
        return _run_ours(task, name, split, frame, (train, test), runs)
    features = frame.drop(task.target).to_pandas()
    if name == "boosting":  # which has an own way with categories, better than any other
        texts = features.select_dtypes(include=["object", "string"]).columns
        features = features.astype(dict.fromkeys(texts, "category"))
    model = _MODELS[name](task.has_classes, split)
    start = time.perf_counter()
    model.fit(features.iloc[train], target[train])
    seconds = time.perf_counter() - start
    return {"score": float(model.score(features.iloc[test], target[test])), "seconds": seconds}


def _run_ours(
    task: TableTask,
    name: str,
    split: int,
    frame: pl.DataFrame,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    runs: Path,
) -> dict[str, float]:
    files = [runs / "splits" / f"{task.name}_{split}_{part}.csv" for part in ("train", "test")]
    for file, chosen in zip(files, rows, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        frame[chosen].write_csv(file)
    settings: Mapping[str, Any] = {
        "data.source.path": str(files[0]),
        "data.source.test_path": str(files[1]),
        "data.source.drop": [],
        "seed_everything": split,
        "experiment": f"{task.name}_{name}",
        "runs_dir": str(runs),
        "figures": False,
        "onnx": False,
    }
    run = mlp_lab.fit(RECIPES / f"{task.name}_{name}.yaml", settings, verbose=False)
    return {"score": run.metrics[task.score], "seconds": run.metrics["seconds"]}


def _encoded(*, scale: bool) -> Any:
    """Return one-hot categories, and numbers with medians and indicators of missing ones."""
    numbers = [SimpleImputer(strategy="median", add_indicator=True)]
    return make_column_transformer(
        (
            make_pipeline(*numbers, *([StandardScaler()] if scale else [])),
            lambda frame: frame.select_dtypes(exclude=["object", "string"]).columns,
        ),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            lambda frame: frame.select_dtypes(include=["object", "string"]).columns,
        ),
    )


def _boosting(has_classes: bool, seed: int) -> Any:
    model = HistGradientBoostingClassifier if has_classes else HistGradientBoostingRegressor
    return model(random_state=seed)


def _mlp(has_classes: bool, seed: int) -> Any:
    model = MLPClassifier if has_classes else MLPRegressor
    net = model(hidden_layer_sizes=(200,), early_stopping=True, random_state=seed)
    if not has_classes:  # which learns nothing from prices as they are
        net = TransformedTargetRegressor(net, transformer=StandardScaler())
    return make_pipeline(_encoded(scale=True), net)


def _linear(has_classes: bool, seed: int) -> Any:
    model = LogisticRegression(max_iter=1000) if has_classes else Ridge()
    return make_pipeline(_encoded(scale=True), model)


_MODELS: dict[str, Callable[[bool, int], Any]] = {
    "boosting": _boosting,
    "mlp": _mlp,
    "linear": _linear,
}


def _scores(task: TableTask, name: str, done: Mapping[str, Any], key: str = "score") -> Any:
    keys = [f"{task.name}/{name}/{split}" for split in range(NUM_SPLITS)]
    return np.array([done[one][key] for one in keys if one in done])


def _format_task(task: TableTask, done: Mapping[str, Any]) -> str:
    cells = [f"{task.name} ({'accuracy' if task.has_classes else 'R²'})"]
    for name in LABELS:
        scores, seconds = _scores(task, name, done), _scores(task, name, done, "seconds")
        if len(scores) < NUM_SPLITS:
            cells.append("-")
            continue
        cells.append(f"{scores.mean():.4f} ± {scores.std(ddof=1):.4f}, {seconds.mean():.1f} s")
    ours, theirs = _scores(task, "best", done), _scores(task, "boosting", done)
    if len(ours) == len(theirs) == NUM_SPLITS:
        differences = ours - theirs
        half = stats.t.ppf(0.975, NUM_SPLITS - 1) * stats.sem(differences)
        mean = differences.mean()
        cells.append(f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})")
    else:
        cells.append("-")
    return "| " + " | ".join(cells) + " |"


def _format(done: Mapping[str, Any]) -> str:
    head = ["table", *LABELS.values(), "best, less boosting (95 % interval)"]
    lines = [
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
        *(_format_task(task, done) for task in TASKS),
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
