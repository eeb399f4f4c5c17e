"""Hold the rate that LearningRateSearch finds against a grid of rates, on several data and nets.

    .venv/bin/python benchmarks/rate_search.py --data-root data

For each combination a sweep over the grid and one with the search, over the same seeds; what is
finished is not run again. The table in docs/experiments.md is written anew, and the figure of each
search lies in its run. Everything is judged by validation.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import experiment_tables as tables

from mlp_lab.files.atomic import write_text
from mlp_lab.report.run_files import find_runs, read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.checkpoint import read_checkpoint

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "experiments.md"
RATES = ("0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3")
SEEDS = "0,1,2"
SEARCH = "--config=configs/trainer/learning_rate_search.yaml"
CIFAR10 = "cifar10_subset.npz"


@dataclass(frozen=True)
class Combination:
    """Data and a net.

    Attributes:
        name: What its runs are called.
        label: What it is called in the table.
        words: Flags of its trainings.
        decided: Whether the rule of the search was chosen by it.
        metric: What is compared, of which 0.01 is a point.
        subset: A file in DATA_ROOT that holds the data.
    """

    name: str
    label: str
    words: tuple[str, ...]
    decided: bool
    metric: str = "val/acc"
    subset: str = ""


COMBINATIONS = (
    Combination(
        "kmnist_base",
        "KMNIST, MLP [200], Adam, 10 epochs",
        ("--config=configs/recipe/kmnist_base.yaml", "--trainer.max_epochs=10"),
        decided=True,
    ),
    Combination(
        "kmnist_sgd",
        "KMNIST, MLP [200], SGD with momentum, 10 epochs",
        ("--config=configs/recipe/kmnist_sgd.yaml", "--trainer.max_epochs=10"),
        decided=True,
    ),
    Combination(
        "digits",
        "Digits, MLP [200], Adam, 30 epochs",
        ("--config=configs/quickstart.yaml",),
        decided=True,
    ),
    Combination(
        "cifar10",
        "CIFAR-10 subset, MLP [200], Adam, 10 epochs",
        ("--config=configs/base.yaml",),
        decided=True,
        subset=CIFAR10,
    ),
    Combination(
        "sigmoid_curve",
        "SigmoidCurve, MLP [64], Adam, cosine, 50 epochs",
        ("--config=configs/recipe/sigmoid_curve.yaml", "--trainer.max_epochs=50"),
        decided=False,
        metric="val/r2",
    ),
    Combination(
        "moons",
        "Moons, MLP [16], Adam, 30 epochs",
        ("--config=configs/recipe/moons_binary.yaml", "--trainer.max_epochs=30"),
        decided=False,
    ),
)


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--runs-dir", type=Path, default=Path("runs") / "rate_search")
    names = [combination.name for combination in COMBINATIONS]
    parser.add_argument("--only", action="append", choices=names, help="run these alone")
    arguments = parser.parse_args()
    rows = []
    for combination in COMBINATIONS:
        runs_dir = arguments.runs_dir / combination.name
        if combination.name in (arguments.only or names):
            run(combination, runs_dir, arguments.data_root)
        if (runs_dir / "search").is_dir():
            rows.append(table_row(combination, runs_dir))
    table = "\n".join([*HEAD, *rows]) + "\n"
    write_text(DOCUMENT, tables.fill(DOCUMENT.read_text(), {"rate_search": table}))


def run(combination: Combination, runs_dir: Path, data_root: Path) -> None:
    """Train at each rate of the grid, and at the rate that is found."""
    words = [*combination.words, f"--data.root={data_root}"]
    if combination.subset:
        path = data_root / combination.subset
        words += ["--data.source=TensorFile", f"--data.source.path={path}"]
    sweep = [sys.executable, "-m", "mlp_lab", "sweep", *words, f"--seeds={SEEDS}"]
    grid = [f"--set=model.optimizer.lr={','.join(RATES)}", "--experiment=grid"]
    for more in (grid, [SEARCH, "--experiment=search"]):
        # A rate at which the loss explodes ends its run, and is a result like any other.
        subprocess.run([*sweep, *more, f"--runs_dir={runs_dir}"], check=False)


HEAD = (
    "| data, net, training | best of the grid | validation | found by the search | validation "
    "| difference, points | the rule was |",
    "|---|---:|---:|---:|---:|---:|---|",
)


def table_row(combination: Combination, runs_dir: Path) -> str:
    """Return the row of a combination."""
    by_rate: dict[float, list[RunSummary]] = {}
    for summary in map(read_summary, find_runs(runs_dir / "grid")):
        by_rate.setdefault(summary.flat_config["model.optimizer.lr"], []).append(summary)
    scores = {rate: mean_score(summaries, combination) for rate, summaries in by_rate.items()}
    best = max(scores, key=scores.__getitem__)
    searches = [read_summary(run) for run in find_runs(runs_dir / "search")]
    score = mean_score(searches, combination)
    cells = [
        combination.label,
        f"{best:g}",
        format_score(scores[best], combination),
        ", ".join(f"{rate:.2g}" for rate in map(found_rate, searches)),
        format_score(score, combination),
        f"{100 * (score - scores[best]):+.2f}",
        "chosen by it" if combination.decided else "confirmed by it",
    ]
    return f"| {' | '.join(cells)} |"


def mean_score(summaries: list[RunSummary], combination: Combination) -> float:
    """Return the mean over the seeds; nothing is worse than a run that did not come to its end."""
    scores = (summary.number(combination.metric) for summary in summaries)
    return fmean(-float("inf") if score is None else score for score in scores)


def found_rate(summary: RunSummary) -> float:
    """Return the learning rate that a run was trained with."""
    task = read_checkpoint(summary.run.best_checkpoint)["hyper_parameters"]
    rate: float = task["optimizer"]["init_args"]["lr"]
    return rate


def format_score(score: float, combination: Combination) -> str:
    """Format an accuracy in percent, and a coefficient of determination as it is."""
    return f"{100 * score:.2f} %" if combination.metric == "val/acc" else f"R² {score:.4f}"


if __name__ == "__main__":
    main()
