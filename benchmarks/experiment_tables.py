"""Tables and sentences of what the experiments came to, in Markdown."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from mlp_lab.files.atomic import write_text
from mlp_lab.report.comparison import Comparison, Setting
from mlp_lab.report.cross_validation import cross_validated
from mlp_lab.report.formatting import format_interval, format_number, format_spread, format_value
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.spread import Spread
from mlp_lab.runs.metrics_csv import epoch_means

NET_SHAPES = ("convs_per_stage", "head_dims", "width", "blocks")  # beside the layers


def fill(text: str, tables: Mapping[str, str]) -> str:
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


def recipes_table(settings: Sequence[Setting], base: Setting | None) -> str:
    """Return the table of a group."""
    lines = [
        "| recipe | hyperparameters | test accuracy | over test images | validation | training "
        "| training, last epoch | lowest validation loss | parameters | seconds | comment |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for setting in settings:
        cells = [
            f"[{setting.label}](../configs/recipe/{setting.label}.yaml)",
            hyperparameters(setting, base),
            format_spread(setting.spread("test/acc"), "acc"),
            format_interval(setting.test_interval, "acc"),
            *(format_spread(setting.spread(f"{p}/acc"), "acc") for p in ("val", "train_eval")),
            format_spread(last_training(setting), "acc"),
            lowest_loss(setting),
            f"{setting.parameters:,}",
            format_seconds(setting),
            comment(setting, base),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def search_table(settings: Sequence[Setting]) -> str:
    """Return the table of a grid, the best by validation first."""
    keys = list(settings[0].differing)
    named = " | ".join(key.rpartition(".")[2].replace("_", " ") for key in keys)
    lines = [
        f"| {named} | validation accuracy | test accuracy | training accuracy | seconds |",
        f"|{'---|' * len(keys)}---:|---:|---:|---:|",
    ]
    for setting in settings:
        scores = [setting.spread(f"{part}/acc") for part in ("val", "test", "train_eval")]
        cells = [
            *(setting.differing[key] for key in keys),
            *(format_spread(s, "acc") for s in scores),
        ]
        lines.append(f"| {' | '.join([*cells, format_seconds(setting)])} |")
    return "\n".join(lines) + "\n"


def ensembles_table(ensembles: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of ensembles, by recipe, from the scores beside their models."""
    lines = [
        "| ensemble of | seeds | validation | test | over test images | its mean member "
        "| gain over that, points |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for recipe, scores in ensembles.items():
        gain = scores["gain"]
        cells = [
            recipe,
            f"{len(scores['members'])}",
            *(format_number(scores[part], "acc") for part in ("validation", "test")),
            format_interval(scores["interval"], "acc"),
            format_number(scores["mean"], "acc"),
            "{:+.2f} ({:+.2f} to {:+.2f})".format(
                *(100 * value for value in (gain["mean"], *gain["interval"]))
            ),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def folds_table(settings: Sequence[Setting], base: str) -> str:
    """Return the table of a cross-validation, the base first, then the best."""
    lines = [
        f"| recipe | validation accuracy | 95 % interval | against {base} | 95 % interval "
        "| test accuracy |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    base_first = sorted(settings, key=lambda setting: setting.label != base)
    for found in cross_validated(Comparison("", "val/acc", True, base_first, [])):
        difference = found.difference
        cells = [
            found.setting.label,
            format_spread(found.score, "acc"),
            format_interval(found.score.confidence_interval(), "acc"),
            format_spread(difference, "acc", signed=True),
            format_interval(
                difference.confidence_interval() if difference else None, "acc", signed=True
            ),
            format_spread(found.setting.spread("test/acc"), "acc"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def hyperparameters(setting: Setting, base: Setting | None) -> str:
    """Say the net and the training, of any but the base what it has otherwise."""
    own = describe_settings(setting.summaries[0])
    if base is None or setting.label == base.label:
        return ", ".join(own.values())
    others = describe_settings(base.summaries[0])
    return ", ".join(value for key, value in own.items() if value != others.get(key))


def describe_settings(summary: RunSummary) -> dict[str, str]:
    """Describe the settings of a training shortly, by what they are about."""
    chosen = summary.flat_config
    net = {k.removeprefix("model.net."): v for k, v in chosen.items() if k.startswith("model.net.")}
    dims = net.get("hidden_dims", net.get("channels"))
    shape = [f"{dims or 'without hidden layer'}"] if dims is not None else []
    shape += [f"{k.replace('_', ' ')} {v}" for k, v in net.items() if k in NET_SHAPES]
    init = net.get("init", "default")
    batch_norm = net.get("batch_norm", "none")
    described = {
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
        "augment": ", ".join(map(format_value, chosen.get("data.augment") or [])),
        "validation": "validated on the test set" if chosen["data.validate_on"] == "test" else "",
    }
    return {key: value for key, value in described.items() if value}


def format_seconds(setting: Setting) -> str:
    """Say how long a training took."""
    spread = setting.spread("seconds")
    return f"{spread.mean:.1f}" if spread else ""


def last_training(setting: Setting) -> Spread | None:
    """Return the accuracy of the last epoch's training batches, over the seeds."""
    courses = (epoch_means(summary.rows, "train/acc")[1] for summary in setting.summaries)
    return Spread.of(course[-1] for course in courses if course)


def lowest_loss(setting: Setting) -> str:
    """Say after which epoch validation loss was lowest, the mean over seeds."""
    lowest = []
    for summary in setting.summaries:
        epochs, losses = summary.history("val/loss")
        if losses:
            lowest.append(epochs[int(np.argmin(losses))])
    return f"epoch {fmean(lowest):.0f}" if lowest else ""


def comment(setting: Setting, base: Setting | None) -> str:
    """Say by how much a setting differs from the base, and whether that is more than chance."""
    if base is None or setting.label == base.label:
        return "the base"
    if setting.summaries[0].validation != base.summaries[0].validation:
        return f"the best epoch chosen by its score on the {setting.summaries[0].validation}"
    group = Comparison("", "val/acc", True, [base, setting], [])
    if not group.pairs:
        return "other seeds or test samples"
    (pair,) = group.pairs
    difference = f"{100 * pair.difference.mean:+.2f} points"
    if pair.interval is None:
        return difference
    low, high = (100 * end for end in pair.interval)
    return f"{difference} ({low:+.2f} to {high:+.2f})"


def classes_table(setting: Setting) -> str:
    """Tabulate the scores of each class of the first seed's run, and its most frequent errors."""
    kinds = ("recall", "precision", "f1")
    keys = (*kinds, *(f"training/{kind}" for kind in kinds))
    named = " | ".join(key.replace("/", " ").replace("f1", "F1") for key in keys)
    lines = [
        f"| class | {named} | most often predicted as |",
        f"|---|{'---:|' * len(keys)}---|",
    ]
    for entry in setting.summaries[0].classes:
        others = ", ".join(f"{name} ({count})" for name, count in entry.predicted_as)
        scores = " | ".join(format_number(entry.scores[key], key) for key in keys)
        lines.append(f"| {entry.name} | {scores} | {others} |")
    return "\n".join(lines) + "\n"


def results_table(rows: Sequence[tuple[Setting, tuple[int, int]]]) -> str:
    """Return README's table, of settings each with the sizes of its whole data set."""
    lines = [
        "| recipe | training images | held out of them | epochs | parameters | test accuracy "
        "| over test images | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for setting, (whole, _) in rows:
        summary = setting.summaries[0]
        held = num_held_out(summary)
        cells = [
            f"[{setting.label}](configs/recipe/{setting.label}.yaml)",
            f"{summary.num_samples['train'] + held:,} of {whole:,}",
            f"{held:,}",
            f"{summary.flat_config['trainer.max_epochs']}",
            f"{setting.parameters:,}",
            format_spread(setting.spread("test/acc"), "acc"),
            format_interval(setting.test_interval, "acc"),
            format_seconds(setting),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def in_russian(results: str) -> str:
    """Return README's table as docs/ru/README.md has it."""
    head = (
        "| рецепт | обучающих изображений | из них на валидацию | эпох | параметров "
        "| точность на тесте | интервал по тестовым изображениям | секунд |"
    )
    _, line, *rows = results.splitlines()
    translated = []
    for row in rows:
        _, link, *cells, _ = row.split("|")
        cells = [re.sub(r"(?<=\d),(?=\d)", "\u00a0", cell).replace(".", ",") for cell in cells]
        cells = [cell.replace(" of ", " из ").replace(" to ", " … ") for cell in cells]
        translated.append("|".join(["", link.replace("(configs", "(../../configs"), *cells, ""]))
    return "\n".join([head, line, *translated]) + "\n"


def num_held_out(summary: RunSummary) -> int:
    """Return how many training images were held out for validation."""
    return summary.num_samples["val"] if summary.validation == "held out of train" else 0


def recipe_words(setting: Setting, whole: tuple[int, int]) -> str:
    """Say what a recipe came to, with how much of the whole data set."""
    summary = setting.summaries[0]
    held = num_held_out(summary)
    train, test = whole
    score = setting.spread("test/acc") or Spread(0.0, None, 0)
    return (
        f"Measured with {summary.num_samples['train'] + held:,} of {train:,} training images, "
        f"{held:,} of them for validation, on {summary.num_samples['test']:,} of {test:,} test "
        f"images: {format_spread(score, 'acc')}, mean and standard deviation of {score.n} seeds; "
        f"{format_seconds(setting)} s each on {summary.manifest['device']}."
    )


def search_words(settings: Sequence[Setting]) -> str:
    """Say what a grid came to."""
    best = settings[0]
    seconds = fmean(spread.mean for s in settings if (spread := s.spread("seconds")))
    return (
        f"Measured: best by validation is {best.label}, with "
        f"{format_spread(best.spread('test/acc'), 'acc')} on the test set, mean and standard "
        f"deviation of {best.repetitions}{'' if best.folds else ' seeds'}; {seconds:.1f} s each on "
        f"{best.summaries[0].manifest['device']}."
    )


def write_header(path: Path, words: str) -> None:
    """Write what was measured into the header of a configuration."""
    header = (
        "\n".join(textwrap.wrap(words, 100, initial_indent="# ", subsequent_indent="# ")) + "\n"
    )
    text = path.read_text()
    write_text(path, re.sub(r"# Measured.*?(?=^[^#])", header, text, count=1, flags=re.M | re.S))
