"""Run every recipe of the course's comparison, and write what came out into the documents.

    .venv/bin/python benchmarks/experiments.py --data-root data

Trainings that are finished are not run again, so a stopped run goes on with the same command. Of
CIFAR-10 and the three classes of CIFAR-100 a subset in DATA_ROOT is taken where there is one
(SUBSETS says its name), else the whole set is downloaded. The tables of docs/experiments.md and
README.md, the figures and the line "Measured" of each recipe are written anew.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from mlp_lab.atomic import write_text
from mlp_lab.plots import plot_confusion, plot_history, write_figure
from mlp_lab.report.comparison import Comparison, Setting, Spread, compare
from mlp_lab.report.pages import say_number, say_spread
from mlp_lab.report.story import Story, find_runs, read_story

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "configs" / "recipe"
DOCUMENT = ROOT / "docs" / "experiments.md"
FIGURES = ROOT / "docs" / "figures"
SEEDS = (0, 1, 2)
START_SECONDS = 1.0  # of a trial, beside its training

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
    Group("cifar10", "cifar10_mlp", ("cifar10_mlp",)),
    Group("mnist", "mnist_best", ("mnist_best",)),
)

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
    parser.add_argument("--group", action="append", help="of these groups alone")
    arguments = parser.parse_args()
    groups = [group for group in GROUPS if group.name in (arguments.group or group.name)]
    say_how_long(groups, arguments.runs_dir)
    for group in groups:
        code = subprocess.run(sweep_command(group, arguments), check=False).returncode
        if code:
            return code
    settings = {
        group.name: [s for c in compare_group(group, arguments.runs_dir) for s in c.settings]
        for group in GROUPS
    }
    write_documents(settings)
    return 0


def say_how_long(groups: Sequence[Group], runs_dir: Path) -> None:
    """Print the seconds that the recipes say, for what is not finished yet."""
    total, unknown = 0.0, 0
    for group in groups:
        for recipe in group.recipes:
            missing = len(SEEDS) - sum(
                story.status == "finished" for story in stories_of(runs_dir / group.name / recipe)
            )
            told = re.search(r"([\d.]+) s each", (RECIPES / f"{recipe}.yaml").read_text())
            if told:
                total += missing * (float(told[1]) + START_SECONDS)
            else:
                unknown += missing
    more = f", and {unknown} trainings that were never measured" if unknown else ""
    print(f"This takes about {total / 60:.0f} minutes on two cores{more}.", flush=True)


def sweep_command(group: Group, arguments: argparse.Namespace) -> list[str]:
    """Return the sweep over a group's recipes and seeds."""
    configs = ",".join(str(RECIPES.relative_to(ROOT) / f"{name}.yaml") for name in group.recipes)
    subset = arguments.data_root / SUBSETS.get(group.name, "")
    source = (
        ["--data.source=TensorFile", f"--data.source.path={subset}"] if subset.is_file() else []
    )
    return [
        *(sys.executable, "-m", "mlp_lab", "sweep", f"--set=config={configs}"),
        *(f"--seeds={','.join(map(str, SEEDS))}", f"--experiment={group.name}"),
        *(f"--runs_dir={arguments.runs_dir}", f"--data.root={arguments.data_root}"),
        *(f"--jobs={arguments.jobs}", *source),
    ]


def stories_of(directory: Path) -> list[Story]:
    """Read all runs below a directory."""
    return [read_story(run) for run in find_runs(directory)]


def compare_group(group: Group, runs_dir: Path) -> list[Comparison]:
    """Return the comparison of a group's runs."""
    comparisons, _ = compare(stories_of(runs_dir / group.name))
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
            write_header(setting)
        if group.figure:
            draw(group, rows)
        tables[f"{group.name}_classes"] = classes_table(rows[-1])
    everything = {s.label: s for group in settings.values() for s in group}
    tables["results"] = results_table([everything[n] for n in SHOWN_FIRST if n in everything])
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
    init = chosen.get("model.net.init", "default")
    told = {
        "net": f"MLP {chosen['model.net.hidden_dims'] or 'without hidden layer'}",
        "activation": f"{chosen['model.net.activation']}",
        "init": f"{init} initialisation" if init != "default" else "",
        "batch_norm": f"batch norm {v}" if (v := chosen["model.net.batch_norm"]) != "none" else "",
        "dropout": f"dropout {v}" if (v := chosen["model.net.dropout"]) else "",
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
        "augment": ", ".join(
            part["class_path"].rpartition(".")[2] for part in chosen.get("data.augment") or []
        ),
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
    lines = ["| class | recall | precision | taken most often for |", "|---|---:|---:|---|"]
    for entry in setting.stories[0].classes:
        others = ", ".join(f"{name} ({count})" for name, count in entry.taken_for)
        recall, precision = (say_number(key, entry.scores[key]) for key in ("recall", "precision"))
        lines.append(f"| {entry.name} | {recall} | {precision} | {others} |")
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


def write_header(setting: Setting) -> None:
    """Write what was measured into a recipe's header."""
    path = RECIPES / f"{setting.label}.yaml"
    samples = setting.stories[0].manifest["data"]["samples"]
    test = setting.spread("test/acc") or Spread(0.0, None, 0)
    words = (
        f"Measured with {samples['train']:,} training images on {samples['test']:,} test images: "
        f"{say_spread('acc', test)}, mean and standard deviation of {test.n} seeds; "
        f"{say_seconds(setting)} s each with one of two CPU cores, up to three others beside it."
    ).split()
    lines, line = [], "#"
    for word in words:
        if len(line) + 1 + len(word) > 100:
            lines.append(line)
            line = "#"
        line += f" {word}"
    told = "\n".join([*lines, line]) + "\n"
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
