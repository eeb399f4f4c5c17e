"""Run the experiments of the course's comparison, and write what came out into the documents.

    .venv/bin/python benchmarks/experiments.py --data-root data

Recipes and grids are sweeps; the labs by hand and the first check of a net are single commands.
What is finished is not run again, so a stopped run goes on with the same command, and a first one
begins with the runs that come with the project in benchmarks/kept_runs. A recipe whose settings
have changed is trained anew by --again. Of CIFAR-10 and the three classes of CIFAR-100 a subset in
DATA_ROOT is taken where there is one, else the whole set is downloaded. The tables of
docs/experiments.md and README.md, the figures and the line "Measured" of each recipe and grid are
written anew, and so are the kept runs.
"""

import argparse
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import experiment_tables as tables
import kept_runs
import numpy as np

from mlp_lab.files.atomic import write_text
from mlp_lab.plots import plot_confusion, plot_filters, plot_history, write_figure
from mlp_lab.report.comparison import Comparison, Setting, compare
from mlp_lab.report.run_files import find_runs, read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.run import read_json
from mlp_lab.sweep.grid import read_grid

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "configs" / "recipe"
GRIDS = ROOT / "configs" / "sweep"
DOCUMENT = ROOT / "docs" / "experiments.md"
FIGURES = ROOT / "docs" / "figures"
KEPT_RUNS = ROOT / "benchmarks" / "kept_runs"
SEEDS = (0, 1, 2)
MORE_SEEDS = (3, 4)  # of an ensemble
START_SECONDS = 1.0  # of a trial, beside its training


@dataclass(frozen=True)
class Group:
    """Recipes on the same data.

    Attributes:
        name: What runs, figures and tables are called after.
        base: The recipe that the others are compared with.
        recipes: All of them, the best one last.
        whole: Training and test images of the data set, of which there may be fewer here.
        subset: A file in DATA_ROOT that is taken for the data set where it is there.
        ensemble: The recipe that is trained with further seeds, for an ensemble of them all.
        course: The metric whose course is drawn, none where it is empty.
    """

    name: str
    base: str
    recipes: tuple[str, ...]
    whole: tuple[int, int]
    subset: str = ""
    ensemble: str = ""
    course: str = ""


@dataclass(frozen=True)
class Sweep:
    """Trainings that one command runs.

    Attributes:
        name: Of its directory.
        words: What is typed behind ``mlp-lab sweep``, beside where runs and data lie.
        group: Whose data they are trained on.
        measured: Directories of runs, and the file that says how long one of them takes.
        trials: How many runs each of these directories will have.
    """

    name: str
    words: list[str]
    group: Group
    measured: dict[Path, Path]
    trials: int


GROUPS = (
    Group(
        "kmnist",
        "kmnist_base",
        (
            *("kmnist_base", "kmnist_linear", "kmnist_augmented", "kmnist_deep", "kmnist_wide"),
            *("kmnist_tanh", "kmnist_gelu", "kmnist_orthogonal", "kmnist_sgd"),
            *("kmnist_batch_norm", "kmnist_dropout", "kmnist_one_cycle"),
            *("kmnist_cnn", "kmnist_best"),
        ),
        (60_000, 10_000),
        ensemble="kmnist_best",
        course="val/acc",
    ),
    Group(
        "cifar100_three",
        "cifar100_three_fc10",
        (
            *("cifar100_three_fc10", "cifar100_three_lab", "cifar100_three_fc10_100_epochs"),
            *("cifar100_three_fc10_300_epochs", "cifar100_three_batch_32"),
            *("cifar100_three_batch_512", "cifar100_three_slow", "cifar100_three_fc50"),
            *("cifar100_three_fc200", "cifar100_three_fc50_fc20", "cifar100_three_best"),
        ),
        (1_500, 300),
        subset="cifar100_apple_otter_pickup_truck.npz",
        course="val/loss",
    ),
    Group("mnist", "mnist_best", ("mnist_best",), (60_000, 10_000), ensemble="mnist_best"),
    Group(
        "cifar10",
        "cifar10_mlp",
        ("cifar10_cnn", "cifar10_resnet", "cifar10_mlp"),
        (50_000, 10_000),
        subset="cifar10_subset.npz",
    ),
)

SEARCHES = {
    "rate_and_batch": "kmnist",
    "kmnist_folds": "kmnist",
    "cifar100_three_widths": "cifar100_three",
}
"""Grids of configs/sweep, and the group whose data they are of."""

FILTERS = "cifar100_three_fc10"
"""The recipe whose first neurons are drawn."""

FIRST_CHECK = ("fit", "--config=configs/recipe/kmnist_base.yaml", "--trainer.overfit_batches=1")
BY_HAND = {
    "regression": ("scratch", "regression"),
    "xor": ("scratch", "binary", "--data=xor"),
    "circles": ("scratch", "binary", "--data=circles"),
    "moons": ("scratch", "binary", "--data=moons"),
}

SHOWN_FIRST = (
    *("kmnist_base", "kmnist_best", "kmnist_cnn", "mnist_best"),
    *("cifar10_mlp", "cifar10_cnn", "cifar10_resnet"),
    *("cifar100_three_fc10", "cifar100_three_best"),
)
"""What README's table holds."""


def main() -> int:
    """Say how long it takes, run what is missing, and write the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--runs-dir", type=Path, default=Path("runs") / "experiments")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    everything = [*(group.name for group in GROUPS), *SEARCHES]
    parser.add_argument("--group", action="append", choices=everything, help="of these alone")
    parser.add_argument("--again", action="append", default=[], help="a recipe that has changed")
    arguments = parser.parse_args()
    for sweep in find_sweeps(everything, arguments):
        directory = arguments.runs_dir / sweep.name
        kept_runs.restore(kept_path(sweep), directory, arguments.data_root)
        for recipe in arguments.again:
            kept_runs.forget(directory, recipe)
    sweeps = list(find_sweeps(arguments.group or everything, arguments))
    print_duration(sweeps, arguments)
    for sweep in sweeps:
        code = run_sweep(sweep, arguments)
        if code:
            return code
    ensembles = {g.ensemble: run_ensemble(g, arguments) for g in GROUPS if g.ensemble}
    settings = {
        name: [s for c in compare_below(arguments.runs_dir / name) for s in c.settings]
        for name in everything
    }
    write_documents(settings, ensembles, run_labs(arguments))
    return 0


def find_sweeps(names: Iterable[str], arguments: argparse.Namespace) -> Iterator[Sweep]:
    """Yield the sweeps over the recipes of groups, and over grids."""
    groups = {group.name: group for group in GROUPS}
    for name in names:
        if name in SEARCHES:
            path = GRIDS / f"{name}.yaml"
            grid = read_grid(path)
            num = len(grid["seeds"]) * (grid["folds"] or 1)
            num *= math.prod(map(len, grid["set"].values()))
            words = [f"--grid={path.relative_to(ROOT)}"]
            yield Sweep(name, words, groups[SEARCHES[name]], {arguments.runs_dir / name: path}, num)
            continue
        group = groups[name]
        yield sweep_over(name, group.recipes, SEEDS, group, arguments)
        if group.ensemble:
            more = f"{group.ensemble}_more_seeds"
            yield sweep_over(more, (group.ensemble,), MORE_SEEDS, group, arguments)


def sweep_over(
    name: str,
    recipes: Sequence[str],
    seeds: Sequence[int],
    group: Group,
    arguments: argparse.Namespace,
) -> Sweep:
    """Return a sweep over recipes."""
    paths = {arguments.runs_dir / name / recipe: RECIPES / f"{recipe}.yaml" for recipe in recipes}
    files = ",".join(str(path.relative_to(ROOT)) for path in paths.values())
    words = [f"--set=config={files}", f"--seeds={','.join(map(str, seeds))}"]
    return Sweep(name, [*words, f"--experiment={name}"], group, paths, len(seeds))


def print_duration(sweeps: Iterable[Sweep], arguments: argparse.Namespace) -> None:
    """Print how long what is not finished yet will take, after the seconds in the files."""
    seconds, unknown = 0.0, 0
    for sweep in sweeps:
        for directory, path in sweep.measured.items():
            missing = sweep.trials - sum(
                summary.status == "finished" for summary in read_summaries(directory)
            )
            seconds_each = re.search(r"([\d.]+) s each", path.read_text())
            if seconds_each:
                seconds += missing * (float(seconds_each[1]) + START_SECONDS)
            else:
                unknown += missing
    more = f", and {unknown} trainings that were never measured" if unknown else ""
    minutes = seconds / arguments.jobs / 60
    print(
        f"This takes about {minutes:.0f} minutes with a core for each training{more}.", flush=True
    )


def run_sweep(sweep: Sweep, arguments: argparse.Namespace) -> int:
    """Train what is missing of a sweep, keep what is finished, and return the exit code."""
    subset = arguments.data_root / sweep.group.subset
    source = (
        ["--data.source=TensorFile", f"--data.source.path={subset}"] if subset.is_file() else []
    )
    command = [
        *(sys.executable, "-m", "mlp_lab", "sweep", *sweep.words),
        *(f"--runs_dir={arguments.runs_dir}", f"--data.root={arguments.data_root}"),
        *(f"--jobs={arguments.jobs}", *source),
    ]
    code = subprocess.run(command, check=False).returncode
    directory = arguments.runs_dir / sweep.name
    kept_runs.keep(directory, kept_path(sweep), arguments.data_root)
    return code


def kept_path(sweep: Sweep) -> Path:
    """Return where the runs of a sweep are kept."""
    return KEPT_RUNS / f"{sweep.name}.tar.xz"


def run_ensemble(group: Group, arguments: argparse.Namespace) -> dict[str, Any]:
    """Put all seeds of a recipe into one model, and return its scores; none where a run is missing.

    They are kept, since a kept run has no weights to make an ensemble of.
    """
    scores = KEPT_RUNS / f"{group.ensemble}_ensemble.json"
    places = (group.name, f"{group.ensemble}_more_seeds")
    directories = [arguments.runs_dir / place / group.ensemble for place in places]
    runs = [summary.run for directory in directories for summary in read_summaries(directory)]
    if len(runs) < len(SEEDS) + len(MORE_SEEDS):
        return {}
    model = arguments.runs_dir / "ensembles" / f"{group.ensemble}.onnx"
    checkpoints = [run.best_checkpoint for run in runs]
    written = (model, scores)
    made = min(p.stat().st_mtime for p in written) if all(p.is_file() for p in written) else 0.0
    have_weights = all(path.is_file() for path in checkpoints)
    if have_weights and max(path.stat().st_mtime for path in checkpoints) > made:
        words = [*(str(run.dir) for run in runs), f"--out={model}"]
        subprocess.run([sys.executable, "-m", "mlp_lab", "export", *words], check=True)
        scores.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.with_suffix(".json"), scores)
    return read_json(scores)


def run_labs(arguments: argparse.Namespace) -> dict[str, str]:
    """Run the labs that are no sweeps, and return the line of each that says what came out."""
    first = (f"--runs_dir={arguments.runs_dir / 'first_check'}", "--experiment=one_batch")
    commands: dict[str, tuple[str, ...]] = {
        "first_check": (*FIRST_CHECK, *first, f"--data.root={arguments.data_root}")
    }
    for name, words in BY_HAND.items():
        commands[name] = (*words, f"--out={arguments.runs_dir / 'by_hand' / name}")
    lines = {}
    for name, words in commands.items():
        log = arguments.runs_dir / "by_hand" / f"{name}.log"
        if not log.is_file():
            print(f"mlp-lab {' '.join(words)}", flush=True)
            command = [sys.executable, "-m", "mlp_lab", *words]
            out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            log.parent.mkdir(parents=True, exist_ok=True)
            write_text(log, out)
        found = [
            line for line in log.read_text().splitlines() if line.startswith(("step", "overfit"))
        ]
        lines[name] = found[-1]
    for name in BY_HAND:
        figure = "fit" if name == "regression" else "surface"
        FIGURES.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(
            arguments.runs_dir / "by_hand" / name / f"{figure}.png", FIGURES / f"by_hand_{name}.png"
        )
    return lines


def read_summaries(directory: Path) -> list[RunSummary]:
    """Read all runs below a directory, none where it is not there yet."""
    return [read_summary(run) for run in find_runs(directory)] if directory.is_dir() else []


def compare_below(directory: Path) -> list[Comparison]:
    """Return the comparisons of the runs below a directory."""
    comparisons, _ = compare(read_summaries(directory))
    return comparisons


def write_documents(
    settings: dict[str, list[Setting]],
    ensembles: Mapping[str, Mapping[str, Any]],
    lab_lines: dict[str, str],
) -> None:
    """Write tables, figures and the headers of recipes and grids."""
    written = {f"lab_{name}": f"    {line}\n" for name, line in lab_lines.items()}
    if made := {recipe: scores for recipe, scores in ensembles.items() if scores}:
        written["ensembles"] = tables.ensembles_table(made)
    everything = {s.label: s for group in GROUPS for s in settings[group.name]}
    for group in GROUPS:
        rows = [everything[name] for name in group.recipes if name in everything]
        if not rows:
            continue
        written[group.name] = tables.recipes_table(rows, everything.get(group.base))
        written[f"{group.name}_classes"] = tables.classes_table(rows[-1])
        for setting in rows:
            words = tables.recipe_words(setting, group.whole)
            tables.write_header(RECIPES / f"{setting.label}.yaml", words)
        draw(group, rows)
    for name in SEARCHES:
        if settings[name]:
            if settings[name][0].folds is None:
                written[name] = tables.search_table(settings[name])
            else:
                (base,) = (group.base for group in GROUPS if group.name == SEARCHES[name])
                written[name] = tables.folds_table(settings[name], base)
            words = tables.search_words(settings[name])
            tables.write_header(GRIDS / f"{name}.yaml", words)
    if everything.keys() >= {*SHOWN_FIRST}:
        whole = {recipe: group.whole for group in GROUPS for recipe in group.recipes}
        shown = [(everything[name], whole[name]) for name in SHOWN_FIRST]
        written["results"] = tables.results_table(shown)
        written["results_ru"] = tables.in_russian(written["results"])
    if FILTERS in everything:
        draw_filters(everything[FILTERS].summaries[0])
    for document in (DOCUMENT, ROOT / "README.md", ROOT / "docs" / "ru" / "README.md"):
        write_text(document, tables.fill(document.read_text(), written))


def draw(group: Group, settings: Sequence[Setting]) -> None:
    """Draw the course of the first seed of each setting, and the last setting's confusion."""
    if group.course:
        histories = {
            setting.label.removeprefix(f"{group.name}_"): setting.summaries[0].history(group.course)
            for setting in settings
            if not setting.label.endswith(("_best", "_cnn"))  # which take many more epochs
        }
        ends = {name: history for name, history in histories.items() if len(history[0])}
        figure = plot_history(ends, "epoch", f"{group.name}: {group.course}, seed 0")
        write_figure(figure, FIGURES / f"{group.name}.png")
    best = settings[-1].summaries[0]
    names = list(best.metrics["test/classes"])
    confusion = np.asarray(best.metrics["test/confusion"])
    title = f"Confusion of {settings[-1].label} on the test set, seed 0"
    write_figure(plot_confusion(confusion, names, title), FIGURES / f"{group.name}_confusion.png")


def draw_filters(summary: RunSummary) -> None:
    """Draw what the first neurons of a trained perceptron look for; a kept run has no weights."""
    if not summary.run.best_checkpoint.is_file():
        return
    state = read_checkpoint(summary.run.best_checkpoint)["state_dict"]
    first = next(value for key, value in state.items() if key.endswith(".weight"))
    weights = first.float().numpy().reshape(-1, *summary.data_info["input_shape"])
    figure = plot_filters(weights, f"First neurons of {summary.run.experiment}, seed 0")
    write_figure(figure, FIGURES / f"{FILTERS}_weights.png")


if __name__ == "__main__":
    sys.exit(main())
