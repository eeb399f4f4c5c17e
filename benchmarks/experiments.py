"""Run every recipe and grid of the course's comparison, and write what came out into the documents.

    .venv/bin/python benchmarks/experiments.py --data-root data

Trainings that are finished are not run again, so a stopped run goes on with the same command. Of
CIFAR-10 and the three classes of CIFAR-100 a subset in DATA_ROOT is taken where there is one
(SUBSETS says its name), else the whole set is downloaded. The tables of docs/experiments.md and
README.md, the figures and the line "Measured" of each recipe and grid are written anew.
"""

import argparse
import math
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from mlp_lab.atomic import write_text
from mlp_lab.plots import plot_confusion, plot_history, write_figure
from mlp_lab.report.comparison import Comparison, Setting, Spread, compare, say
from mlp_lab.report.pages import say_number, say_spread
from mlp_lab.report.story import Story, find_runs, read_story
from mlp_lab.sweep.grid import read_grid

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "configs" / "recipe"
GRIDS = ROOT / "configs" / "sweep"
DOCUMENT = ROOT / "docs" / "experiments.md"
FIGURES = ROOT / "docs" / "figures"
SEEDS = (0, 1, 2)
START_SECONDS = 1.0  # of a trial, beside its training
NET_SHAPES = ("convs_per_stage", "head_dims", "width", "blocks")  # beside the layers
OFFICIAL = {
    "kmnist": (60_000, 10_000),
    "cifar100_three": (1_500, 300),
    "mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
}
"""Training and test images of the whole data of each group."""

SUBSETS = {
    "cifar10": "cifar10_subset.npz",
    "cifar100_three": "cifar100_apple_otter_pickup_truck.npz",
}


@dataclass(frozen=True)
class Group:
    """Recipes on the same data.

    Attributes:
        name: What runs, figures and tables are called after.
        base: The recipe that the others are compared with.
        recipes: All of them.
        figure: The metric whose course is drawn; none where it is empty.
    """

    name: str
    base: str
    recipes: tuple[str, ...]
    figure: str = ""


GROUPS = (
    Group(
        "kmnist",
        "kmnist_base",
        (
            *("kmnist_base", "kmnist_linear", "kmnist_augmented", "kmnist_deep", "kmnist_wide"),
            *("kmnist_tanh", "kmnist_gelu", "kmnist_orthogonal", "kmnist_sgd"),
            *("kmnist_batch_norm", "kmnist_dropout", "kmnist_one_cycle", "kmnist_best"),
        ),
        "val/acc",
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
        "val/loss",
    ),
    Group("mnist", "mnist_best", ("mnist_best",)),
    Group("cifar10", "cifar10_mlp", ("cifar10_cnn", "cifar10_resnet", "cifar10_mlp")),
)

SEARCHES = {"rate_and_batch": "kmnist", "cifar100_three_widths": "cifar100_three"}
"""Grids of configs/sweep, and the group whose data they are of."""

SHOWN_FIRST = (
    *("kmnist_base", "kmnist_best", "mnist_best", "cifar10_mlp"),
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
    arguments = parser.parse_args()
    names = arguments.group or everything
    groups = [group for group in GROUPS if group.name in names]
    searches = {name: data for name, data in SEARCHES.items() if name in names}
    say_how_long(groups, searches, arguments)
    for command in sweep_commands(groups, searches, arguments):
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    settings = {
        name: [s for c in compare_below(arguments.runs_dir / name) for s in c.settings]
        for name in everything
    }
    write_documents(settings)
    return 0


def say_how_long(
    groups: Sequence[Group], searches: Iterable[str], arguments: argparse.Namespace
) -> None:
    """Print how long what is not finished yet will take, after the seconds in the files."""
    runs_dir = arguments.runs_dir
    asked = [
        (RECIPES / f"{recipe}.yaml", runs_dir / group.name / recipe, len(SEEDS))
        for group in groups
        for recipe in group.recipes
    ]
    for name in searches:
        grid = read_grid(GRIDS / f"{name}.yaml")
        num = len(grid["seeds"]) * math.prod(map(len, grid["set"].values()))
        asked.append((GRIDS / f"{name}.yaml", runs_dir / name, num))
    seconds, unknown = 0.0, 0
    for path, directory, trials in asked:
        missing = trials - sum(story.status == "finished" for story in stories_of(directory))
        told = re.search(r"([\d.]+) s each", path.read_text())
        if told:
            seconds += missing * (float(told[1]) + START_SECONDS)
        else:
            unknown += missing
    more = f", and {unknown} trainings that were never measured" if unknown else ""
    minutes = seconds / arguments.jobs / 60
    print(
        f"This takes about {minutes:.0f} minutes with a core for each training{more}.", flush=True
    )


def sweep_commands(
    groups: Sequence[Group], searches: Mapping[str, str], arguments: argparse.Namespace
) -> Iterator[list[str]]:
    """Yield the sweeps over the recipes of each group, and over the grids."""
    for group in groups:
        files = ",".join(str(RECIPES.relative_to(ROOT) / f"{name}.yaml") for name in group.recipes)
        seeds = ",".join(map(str, SEEDS))
        words = [f"--set=config={files}", f"--seeds={seeds}", f"--experiment={group.name}"]
        yield sweep_command(words, group.name, arguments)
    for name, data in searches.items():
        yield sweep_command([f"--grid={GRIDS.relative_to(ROOT) / name}.yaml"], data, arguments)


def sweep_command(words: list[str], data: str, arguments: argparse.Namespace) -> list[str]:
    """Return a sweep on the data of a group."""
    subset = arguments.data_root / SUBSETS.get(data, "")
    source = (
        ["--data.source=TensorFile", f"--data.source.path={subset}"] if subset.is_file() else []
    )
    return [
        *(sys.executable, "-m", "mlp_lab", "sweep", *words),
        *(f"--runs_dir={arguments.runs_dir}", f"--data.root={arguments.data_root}"),
        *(f"--jobs={arguments.jobs}", *source),
    ]


def stories_of(directory: Path) -> list[Story]:
    """Read all runs below a directory, none where it is not there yet."""
    return [read_story(run) for run in find_runs(directory)] if directory.is_dir() else []


def compare_below(directory: Path) -> list[Comparison]:
    """Return the comparisons of the runs below a directory."""
    comparisons, _ = compare(stories_of(directory))
    return comparisons


def write_documents(settings: dict[str, list[Setting]]) -> None:
    """Write tables, figures and the recipes' headers."""
    tables = {}
    for group in GROUPS:
        chosen = {s.label: s for s in settings[group.name]}
        if not chosen:
            continue
        rows = [chosen[name] for name in group.recipes if name in chosen]
        tables[group.name] = table(rows, chosen.get(group.base))
        for setting in rows:
            write_header(RECIPES / f"{setting.label}.yaml", recipe_words(setting, group.name))
        if group.figure:
            draw(group, rows)
        tables[f"{group.name}_classes"] = classes_table(rows[-1])
    for name in SEARCHES:
        if settings[name]:
            tables[name] = ranked_table(settings[name])
            write_header(GRIDS / f"{name}.yaml", search_words(settings[name]))
    everything = {s.label: s for group in settings.values() for s in group}
    if everything.keys() >= {*SHOWN_FIRST}:
        tables["results"] = results_table([everything[name] for name in SHOWN_FIRST])
    for document in (DOCUMENT, ROOT / "README.md"):
        write_text(document, fill(document.read_text(), tables))


def fill(text: str, tables: dict[str, str]) -> str:
    """Put tables between the marks that are called after them."""
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        if found:
            _, ended, after = rest.partition(end)
            if not ended:
                raise SystemExit(f"The mark {begin.strip()!r} has no {end!r} after it.")
            text = f"{before}{begin}{content}{end}{after}"
    return text


def table(settings: Sequence[Setting], base: Setting | None) -> str:
    """Return the table of a group."""
    lines = [
        "| recipe | hyperparameters | test accuracy | training accuracy | parameters | seconds "
        "| lowest validation loss | comment |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for setting in settings:
        cells = [
            f"[{setting.label}](../configs/recipe/{setting.label}.yaml)",
            hyperparameters(setting, base),
            say_spread("acc", setting.spread("test/acc")),
            say_spread("acc", setting.spread("train_eval/acc")),
            f"{setting.parameters:,}",
            say_seconds(setting),
            lowest_loss(setting),
            comment(setting, base),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def ranked_table(settings: Sequence[Setting]) -> str:
    """Return the table of a grid, the best by validation first."""
    keys = list(settings[0].differing)
    named = " | ".join(key.rpartition(".")[2].replace("_", " ") for key in keys)
    lines = [
        f"| {named} | validation accuracy | test accuracy | training accuracy | seconds |",
        f"|{'---|' * len(keys)}---:|---:|---:|---:|",
    ]
    for setting in settings:
        scores = [setting.spread(f"{part}/acc") for part in ("val", "test", "train_eval")]
        cells = [*(setting.differing[key] for key in keys), *(say_spread("acc", s) for s in scores)]
        lines.append(f"| {' | '.join([*cells, say_seconds(setting)])} |")
    return "\n".join(lines) + "\n"


def hyperparameters(setting: Setting, base: Setting | None) -> str:
    """Say the net and the training, of any but the base what it has otherwise."""
    ours = spoken(setting.stories[0])
    if base is None or setting.label == base.label:
        return ", ".join(ours.values())
    theirs = spoken(base.stories[0])
    return ", ".join(value for key, value in ours.items() if value != theirs.get(key))


def spoken(story: Story) -> dict[str, str]:
    """Return what a reader wants to know of a training, said shortly."""
    chosen = story.settings
    net = {k.removeprefix("model.net."): v for k, v in chosen.items() if k.startswith("model.net.")}
    dims = net.get("hidden_dims", net.get("channels"))
    shape = [f"{dims or 'without hidden layer'}"] if dims is not None else []
    shape += [f"{k.replace('_', ' ')} {v}" for k, v in net.items() if k in NET_SHAPES]
    init = net.get("init", "default")
    batch_norm = net.get("batch_norm", "none")
    told = {
        "net": f"{net['class_path'].rpartition('.')[2]} {', '.join(shape)}",
        "activation": f"{v}" if (v := net.get("activation")) else "",
        "init": f"{init} initialisation" if init != "default" else "",
        "batch_norm": f"batch norm {batch_norm}" if batch_norm in ("before", "after") else "",
        "dropout": f"dropout {v}" if (v := net.get("dropout")) else "",
        "optimizer": chosen["model.optimizer.class_path"].rpartition(".")[2]
        + f" {chosen['model.optimizer.lr']:g}"
        + (f", momentum {v}" if (v := chosen.get("model.optimizer.momentum")) else ""),
        "weight_decay": f"weight decay {v:g}"
        if (v := chosen["model.optimizer.weight_decay"])
        else "",
        "schedule": schedule.rpartition(".")[2]
        if (schedule := chosen.get("model.schedule.class_path"))
        else "",
        "smoothing": f"label smoothing {v}" if (v := chosen.get("model.label_smoothing")) else "",
        "batch": f"batch {chosen['data.batch_size']}",
        "epochs": f"{chosen['trainer.max_epochs']} epochs",
        "precision": "" if (v := chosen["trainer.precision"]) in ("32-true", None) else f"{v}",
        "augment": ", ".join(map(say, chosen.get("data.augment") or [])),
        "validation": "validated on the test set" if chosen["data.validate_on"] == "test" else "",
    }
    return {key: value for key, value in told.items() if value}


def say_seconds(setting: Setting) -> str:
    """Say how long a training took."""
    spread = setting.spread("seconds")
    return f"{spread.mean:.1f}" if spread else ""


def lowest_loss(setting: Setting) -> str:
    """Say after which epoch validation loss was lowest, the mean over seeds."""
    lowest = []
    for story in setting.stories:
        epochs, losses = story.history("val/loss")
        if losses:
            lowest.append(epochs[int(np.argmin(losses))])
    return f"epoch {fmean(lowest):.0f}" if lowest else ""


def comment(setting: Setting, base: Setting | None) -> str:
    """Say by how much a setting differs from the base, and whether that is more than chance."""
    if base is None or setting.label == base.label:
        return "the base"
    if setting.stories[0].validation != base.stories[0].validation:
        return f"the best epoch chosen by its score on the {setting.stories[0].validation}"
    group = Comparison("", "val/acc", True, [base, setting], [])
    if not group.pairs:
        return "other seeds or test samples"
    (pair,) = group.pairs
    said = f"{100 * pair.difference.mean:+.2f} points"
    if pair.interval is None:
        return said
    low, high = (100 * end for end in pair.interval)
    return f"{said} ({low:+.2f} to {high:+.2f})"


def classes_table(setting: Setting) -> str:
    """Say of each class of the first seed's run how it goes, and what it is taken for."""
    kinds = ("recall", "precision", "f1")
    keys = (*kinds, *(f"training/{kind}" for kind in kinds))
    named = " | ".join(key.replace("/", " ").replace("f1", "F1") for key in keys)
    lines = [
        f"| class | {named} | taken most often for |",
        f"|---|{'---:|' * len(keys)}---|",
    ]
    for entry in setting.stories[0].classes:
        others = ", ".join(f"{name} ({count})" for name, count in entry.taken_for)
        scores = " | ".join(say_number(key, entry.scores[key]) for key in keys)
        lines.append(f"| {entry.name} | {scores} | {others} |")
    return "\n".join(lines) + "\n"


def results_table(settings: Sequence[Setting]) -> str:
    """Return README's table."""
    lines = [
        "| recipe | training images | parameters | test accuracy | seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for setting in settings:
        samples = setting.stories[0].manifest["data"]["samples"]
        cells = [
            f"[{setting.label}](configs/recipe/{setting.label}.yaml)",
            f"{samples['train']:,}",
            f"{setting.parameters:,}",
            say_spread("acc", setting.spread("test/acc")),
            say_seconds(setting),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def recipe_words(setting: Setting, group: str) -> str:
    """Say what a recipe came to."""
    story = setting.stories[0]
    held = story.sizes["val"] if story.validation == "held out of train" else 0
    train, test = OFFICIAL[group]
    score = setting.spread("test/acc") or Spread(0.0, None, 0)
    return (
        f"Measured with {story.sizes['train'] + held:,} of {train:,} training images, {held:,} of "
        f"them for validation, on {story.sizes['test']:,} of {test:,} test images: "
        f"{say_spread('acc', score)}, mean and standard deviation of {score.n} seeds; "
        f"{say_seconds(setting)} s each on {story.manifest['device']}."
    )


def search_words(settings: Sequence[Setting]) -> str:
    """Say what a grid came to."""
    best = settings[0]
    seconds = fmean(spread.mean for s in settings if (spread := s.spread("seconds")))
    return (
        f"Measured: best by validation is {best.label}, with "
        f"{say_spread('acc', best.spread('test/acc'))} on the test set, mean and standard "
        f"deviation of {len(best.draws)} seeds; {seconds:.1f} s each on "
        f"{best.stories[0].manifest['device']}."
    )


def write_header(path: Path, words: str) -> None:
    """Write what was measured into the header of a configuration."""
    told = "\n".join(textwrap.wrap(words, 100, initial_indent="# ", subsequent_indent="# ")) + "\n"
    text = path.read_text()
    write_text(path, re.sub(r"# Measured.*?(?=^[^#])", told, text, count=1, flags=re.M | re.S))


def draw(group: Group, settings: Sequence[Setting]) -> None:
    """Draw the course of the first seed of each setting, and the last setting's confusion."""
    histories = {
        setting.label.removeprefix(f"{group.name}_"): setting.stories[0].history(group.figure)
        for setting in settings
        if setting.label != f"{group.name}_best"  # which takes much longer
    }
    ends = {name: history for name, history in histories.items() if len(history[0])}
    figure = plot_history(ends, "epoch", f"{group.name}: {group.figure}, seed 0")
    write_figure(figure, FIGURES / f"{group.name}.png")
    best = settings[-1].stories[0]
    names = list(best.metrics["test/classes"])
    confusion = np.asarray(best.metrics["test/confusion"])
    title = f"Confusion of {settings[-1].label} on the test set, seed 0"
    write_figure(plot_confusion(confusion, names, title), FIGURES / f"{group.name}_confusion.png")


if __name__ == "__main__":
    sys.exit(main())
