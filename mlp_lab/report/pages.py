"""Reports of one run or of many as HTML, Markdown and CSV."""

import base64
import csv
import io
import os
import shlex
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from mlp_lab import __version__
from mlp_lab.files.atomic import write_text
from mlp_lab.files.plain_text import as_cell, as_markdown
from mlp_lab.plots import plot_history, to_png
from mlp_lab.report.comparison import Comparison, Setting
from mlp_lab.report.formatting import format_metric, format_number, format_spread, format_value
from mlp_lab.report.run_summary import RunSummary, is_number
from mlp_lab.runs.metrics_csv import History

_BROAD = 1.7  # width by height
_TALL = 1.5  # height by width
_PNG_HEADER = 24  # bytes
_MAX_CURVES = 10  # as many colours as are distinguishable

# The sections of a page, and the figures of each; any other figure comes last.
_FIGURES = {
    "training": ("loss", "acc", "rmse", "mae", "r2", "learning_rate_search", "learning_rate"),
    "classes": ("confusion", "confusion_before", "mistakes"),
    "results": (
        *("fit", "surface", "predictions"),
        *("roc", "precision_recall", "reliability", "class_scores"),
    ),
    "net": ("net", "weights", "class_balance"),
}
_FIGURE_TITLES = {
    "acc": "Accuracy",
    "confusion": "Confusion matrix",
    "confusion_before": "Confusion matrix before training",
    "roc": "ROC curve",
    "precision_recall": "Precision-recall curve",
    "reliability": "Reliability diagram",
}
PARTS = {
    "test_before": "test, before training",
    "train_eval": "training samples",
    "val": "validation",
    "test": "test",
}


def write_run_report(summary: RunSummary, out: Path) -> Path:
    """Write ``report.html`` of one run, everything in it.

    Returns:
        The file.

    Raises:
        WriteError: It cannot be written.
    """
    figures, config = summary.figures, summary.run.config_path
    sections = {
        section: [figures.pop(name) for name in names if name in figures]
        for section, names in _FIGURES.items()
    }
    sections["other"] = list(figures.values())
    command = summary.manifest.get("command")
    page = templates().get_template("run.html")
    text = page.render(
        summary=summary,
        sections=sections,
        metrics=metrics_by_part(summary),
        parts=PARTS,
        settings=_shown_settings(summary),
        config=config.read_text("utf-8", errors="replace") if config.is_file() else "",
        command=shlex.join(map(str, command)) if isinstance(command, list) else "",
        repeat_command=shlex.join(["mlp-lab", "fit", "--config", str(config)]),
        version=__version__,
    )
    write_text(out / "report.html", text)
    return out / "report.html"


def write_comparison_report(
    comparisons: Sequence[Comparison], left_out: Sequence[tuple[RunSummary, str]], out: Path
) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.csv`` of many runs.

    Returns:
        The files.

    Raises:
        WriteError: One of them cannot be written.
    """
    content = {
        "comparisons": comparisons,
        "left_out": left_out,
        "curves": [_plot_curves(comparison) for comparison in comparisons],
        "out": out,
        "version": __version__,
    }
    paths = [out / f"report.{kind}" for kind in ("html", "md", "csv")]
    write_text(paths[0], templates().get_template("comparison.html").render(content))
    write_text(paths[1], templates().get_template("comparison.md").render(content))
    write_text(paths[2], _to_csv(comparisons))
    return paths


def metrics_by_part(summary: RunSummary) -> dict[str, dict[str, float]]:
    """Return the metrics, and the value of each for the parts of the data."""
    table: dict[str, dict[str, float]] = {}
    before = summary.metrics.get("test_before")
    flat = {f"test_before/{k}": v for k, v in before.items()} if isinstance(before, dict) else {}
    for key, value in (flat | summary.metrics).items():
        part, _, name = key.partition("/")
        if part in PARTS and is_number(value):
            table.setdefault(name, {})[part] = float(value)
    return table


def _shown_settings(summary: RunSummary) -> dict[str, str]:
    """Return the settings of data, model and training that are set."""
    return {
        key.removesuffix(".class_path"): text
        for section in ("model.", "data.", "trainer.", "seed_everything")
        for key, value in summary.flat_config.items()
        if key.startswith(section) and value is not False and (text := format_value(value))
    }


def _plot_curves(comparison: Comparison) -> dict[str, Figure]:
    """Plot score and loss of the best settings over the epochs, each the mean over its seeds."""
    figures = {}
    for key in dict.fromkeys([comparison.score, "val/loss"]):
        histories = {
            setting.label: history
            for setting in comparison.settings[:_MAX_CURVES]
            if len((history := _mean_history(setting, key))[0])
        }
        if histories:
            title = f"Validation {format_metric(key)}"
            figures[title] = plot_history(histories, "epoch", title)
    return figures


def _mean_history(setting: Setting, key: str) -> History:
    """Return the mean over seeds for the epochs that all of them have."""
    histories = [dict(zip(*s.history(key), strict=True)) for s in setting.distinct_summaries]
    epochs = sorted(set.intersection(*(set(history) for history in histories)))
    return epochs, [fmean(history[epoch] for history in histories) for epoch in epochs]


def _to_csv(comparisons: Iterable[Comparison]) -> str:
    """Return one row for each run: what differs, and every number of its metrics.json."""
    rows: list[dict[str, Any]] = [
        {
            "run": summary.name,
            "setting": setting.label,
            "status": summary.status,
            "seed": summary.seed,
            **setting.differing,
            "parameters": setting.parameters,
        }
        | {key: n for key in summary.metrics if (n := summary.number(key)) is not None}
        for comparison in comparisons
        for setting in comparison.settings
        for summary in setting.summaries
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writerow({key: as_cell(key) for key in columns})
    writer.writerows({key: as_cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _embed(figure: Path | Figure, alt: str) -> Markup:
    """Return a figure as an image element that holds its pixels."""
    png = figure.read_bytes() if isinstance(figure, Path) else to_png(figure)
    return Markup('<img src="data:image/png;base64,{}" width="{}" height="{}" alt="{}">').format(
        base64.b64encode(png).decode(), *_size(png), alt
    )


def _css_class(figure: Path) -> str:
    """Return whether a figure needs the width of the page, or more height than others."""
    width, height = _size(figure.read_bytes())
    if width > _BROAD * height:
        return "broad"
    return "tall" if height > _TALL * width else "usual"


def _size(png: bytes) -> tuple[int, int]:
    """Return width and height from the header of a PNG; 0 where it is cut off."""
    width, height = struct.unpack(">II", png[16:24]) if len(png) >= _PNG_HEADER else (0, 0)
    return width, height


def _short_key(key: str) -> str:
    """Return a dotted key without its section and ``class_path``: ``optimizer.lr``."""
    return key.removesuffix(".class_path").partition(".")[2] or key


def _link(summary: RunSummary, out: Path) -> str:
    """Return the relative URL of a run's own report, where there is one."""
    report = summary.run.dir / "report.html"
    if not report.is_file():
        return ""
    # Quoted, and with a beginning that no scheme has.
    path = Path(os.path.relpath(report, out)).as_posix()
    return f"./{quote(os.fsencode(path))}"  # a name need not be text


@cache
def templates() -> Environment:
    """Return the templates of all pages; those that end in .html escape what they are given."""
    environment = Environment(
        loader=PackageLoader("mlp_lab.report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "capitalise_first": lambda text: text[:1].upper() + text[1:],
        "css_class": _css_class,
        "embed": _embed,
        "figure_title": lambda path: _FIGURE_TITLES.get(path.stem, path.stem.replace("_", " ")),
        "markdown": as_markdown,
        "metric_name": format_metric,
        "number": format_number,
        "short_key": _short_key,
        "spread": format_spread,
    }
    environment.globals["link"] = _link
    return environment
