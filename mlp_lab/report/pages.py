"""From stories and comparisons to HTML, Markdown and CSV."""

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

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from mlp_lab import __version__
from mlp_lab.files.atomic import write_text
from mlp_lab.files.plain_text import as_cell
from mlp_lab.plots import plot_history, to_png
from mlp_lab.report.comparison import Comparison, Setting, Spread
from mlp_lab.report.config_diff import say
from mlp_lab.report.run_summary import RunSummary, is_number
from mlp_lab.runs.metrics_csv import History

_BROAD = 1.7  # as broad as high
_TALL = 1.5  # as high as broad
_HEADER = 24  # bytes of a PNG
_MOST_CURVES = 10  # colours that can still be told apart
_SHARES = ("acc", "precision", "recall", "f1", "f1_macro", "ece")

# The parts of a page, and the figures that belong there; any other figure comes last.
_FIGURES = {
    "course": ("loss", "acc", "rmse", "mae", "r2", "learning_rate_search", "learning_rate"),
    "classes": ("confusion", "confusion_before", "mistakes"),
    "outcome": (
        *("fit", "surface", "predictions"),
        *("roc", "precision_recall", "reliability", "class_scores"),
    ),
    "net": ("net", "weights", "class_balance"),
}
_PARTS = {
    "test_before": "test, before training",
    "train_eval": "training samples",
    "val": "validation",
    "test": "test",
}


def write_run_report(story: RunSummary, out: Path) -> Path:
    """Write ``report.html`` of one run, everything in it.

    Returns:
        The file.

    Raises:
        WriteError: It cannot be written.
    """
    figures = story.figures
    named = {name for names in _FIGURES.values() for name in names}
    sections = {
        part: [figures[name] for name in names if name in figures]
        for part, names in _FIGURES.items()
    }
    sections["other"] = [path for name, path in figures.items() if name not in named]
    page = _templates().get_template("story.html")
    path = out / "report.html"
    write_text(
        path,
        page.render(
            story=story,
            sections=sections,
            scores=_scores(story),
            asked=_asked(story),
            config=_read(story.run.config_path),
            command=_command(story),
            again=shlex.join(["mlp-lab", "fit", "--config", str(story.run.config_path)]),
            parts=_PARTS,
            version=__version__,
        ),
    )
    return path


def write_comparison_report(
    comparisons: Sequence[Comparison], left_out: Sequence[tuple[RunSummary, str]], out: Path
) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.csv`` of many runs.

    Returns:
        The files.

    Raises:
        WriteError: One of them cannot be written.
    """
    known = {
        "comparisons": comparisons,
        "left_out": left_out,
        "curves": [_curves(comparison) for comparison in comparisons],
        "out": out,
        "version": __version__,
    }
    paths = [out / f"report.{kind}" for kind in ("html", "md", "csv")]
    write_text(paths[0], _templates().get_template("comparison.html").render(known))
    write_text(paths[1], _templates().get_template("comparison.md").render(known))
    write_text(paths[2], _to_csv(comparisons))
    return paths


def say_number(key: str, value: float | None) -> str:
    """Say a metric: shares in percent, anything else with four digits.

    Example:
        >>> say_number("test/acc", 0.97875), say_number("loss", 0.0712345), say_number("loss", None)
        ('97.88 %', '0.07123', '')
    """
    if value is None:
        return ""
    name = key.rpartition("/")[2]
    return f"{100 * value:.2f} %" if name in _SHARES else f"{value:.4g}"


def say_spread(key: str, spread: Spread | None) -> str:
    """Say mean and standard deviation of a metric.

    Example:
        >>> say_spread("acc", Spread(0.9, 0.01, 3)), say_spread("loss", Spread(0.25, None, 1))
        ('90.00 ± 1.00 %', '0.25')
    """
    if spread is None:
        return ""
    if spread.deviation is None:
        return say_number(key, spread.mean)
    if key.rpartition("/")[2] in _SHARES:
        return f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f} %"
    return f"{spread.mean:.4g} ± {spread.deviation:.2g}"


def _scores(story: RunSummary) -> dict[str, dict[str, float]]:
    """Return the metrics, and the value of each for the parts of the data."""
    table: dict[str, dict[str, float]] = {}
    before = story.metrics.get("test_before")
    flat = {f"test_before/{k}": v for k, v in before.items()} if isinstance(before, dict) else {}
    for key, value in (flat | story.metrics).items():
        part, _, name = key.partition("/")
        if part in _PARTS and is_number(value):
            table.setdefault(name, {})[part] = float(value)
    return table


def _asked(story: RunSummary) -> dict[str, str]:
    """Return the settings of data, model and training that say something."""
    return {
        key.removesuffix(".class_path"): told
        for section in ("model.", "data.", "trainer.", "seed_everything")
        for key, value in story.settings.items()
        if key.startswith(section) and value is not False and (told := say(value))
    }


def _curves(comparison: Comparison) -> dict[str, Figure]:
    """Draw the course of the best settings, each the mean over its seeds."""
    drawn = {}
    for key, title in dict.fromkeys(
        [(comparison.score, "Validation score"), ("val/loss", "Validation loss")]
    ):
        histories = {
            setting.label: history
            for setting in comparison.settings[:_MOST_CURVES]
            if len((history := _mean_history(setting, key))[0])
        }
        if histories and key not in drawn:
            drawn[key] = plot_history(histories, "epoch", f"{title} ({key})")
    return drawn


def _mean_history(setting: Setting, key: str) -> History:
    """Return the mean over seeds for the epochs that all of them have."""
    courses = [dict(zip(*story.history(key), strict=True)) for story in setting.draws]
    epochs = sorted(set.intersection(*(set(course) for course in courses)))
    return epochs, [fmean(course[epoch] for course in courses) for epoch in epochs]


def _to_csv(comparisons: Iterable[Comparison]) -> str:
    """Return one row for each run: what differs, and every number of its metrics.json."""
    rows: list[dict[str, Any]] = []
    for comparison in comparisons:
        for setting in comparison.settings:
            for story in setting.stories:
                row: dict[str, Any] = {
                    "run": story.name,
                    "setting": setting.label,
                    "status": story.status,
                    "seed": story.seed,
                    **setting.differing,
                    "parameters": setting.parameters,
                }
                rows.append(
                    row | {k: n for k in story.metrics if (n := story.number(k)) is not None}
                )
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writerow({key: as_cell(key) for key in columns})
    writer.writerows({key: as_cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _command(story: RunSummary) -> str:
    """Return the command line that began a run."""
    words = story.manifest.get("command")
    return shlex.join(map(str, words)) if isinstance(words, list) else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _embed(figure: Path | Figure) -> Markup:
    """Return a figure as an image that holds its pixels."""
    png = figure.read_bytes() if isinstance(figure, Path) else to_png(figure)
    width, height = _size(png)
    return Markup('<img src="data:image/png;base64,{}" width="{}" height="{}"').format(
        base64.b64encode(png).decode(), width, height
    )


def _form(figure: Path) -> str:
    """Say whether a figure needs the width of the page, or more height than others."""
    width, height = _size(figure.read_bytes())
    if width > _BROAD * height:
        return "broad"
    return "tall" if height > _TALL * width else "usual"


def _size(png: bytes) -> tuple[int, int]:
    """Return width and height, which stand in the first 24 bytes; 0 where they do not."""
    width, height = struct.unpack(">II", png[16:24]) if len(png) >= _HEADER else (0, 0)
    return width, height


def _title(path: Path) -> str:
    return path.stem.replace("_", " ")


def _short_key(key: str) -> str:
    """Leave out what a reader knows: ``optimizer.lr`` is of the model."""
    return key.removesuffix(".class_path").partition(".")[2] or key


def _cell(text: object) -> str:
    """Keep a text within its cell of a Markdown table."""
    escaped = str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())


def _link(story: RunSummary, out: Path) -> str:
    """Return the way from the comparison to a run's own report, where there is one."""
    report = story.run.dir / "report.html"
    if not report.is_file():
        return ""
    # Quoted, and with a beginning that no scheme has.
    path = Path(os.path.relpath(report, out)).as_posix()
    return f"./{quote(os.fsencode(path))}"  # a name need not be text


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("mlp_lab.report"),
        autoescape=lambda name: name is None or name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": _cell,
        "embed": _embed,
        "form": _form,
        "short_key": _short_key,
        "number": lambda value, key: say_number(key, value),
        "spread": lambda value, key: say_spread(key, value),
        "title_of": _title,
    }
    environment.globals["link"] = _link
    return environment
