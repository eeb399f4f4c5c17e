"""Reports of one run or of many as HTML, Markdown and CSV."""

import csv
import io
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from mlp_lab import __version__
from mlp_lab.files.atomic import write_text
from mlp_lab.files.plain_text import as_cell, as_markdown
from mlp_lab.report.comparison import Comparison
from mlp_lab.report.cross_validation import cross_validated
from mlp_lab.report.ensemble import EnsembleSummary
from mlp_lab.report.figures import draw_comparison_figures, draw_search_figures, embed_run_figures
from mlp_lab.report.formatting import (
    abbreviate_metric,
    format_interval,
    format_metric,
    format_number,
    format_p_value,
    format_setting,
    format_spread,
    format_value,
)
from mlp_lab.report.run_files import SHOWN_MISTAKES
from mlp_lab.report.run_summary import RATE_KEY, RunSummary, is_number
from mlp_lab.report.search import SearchSummary
from mlp_lab.report.tested_samples import count_right, intervals_of

# What a reader wants first comes first: a phone shows two of these columns.
PARTS = {
    "test": "test",
    "val": "validation",
    "train_eval": "training samples",
    "test_before": "test, before training",
}


# Parts of the data, as the manifest calls them.
_DATA_PARTS = {"train": "training", "val": "validation"}


def write_run_report(summary: RunSummary, out: Path) -> Path:
    """Write ``report.html`` of one run, everything in it.

    Returns:
        The file.

    Raises:
        WriteError: It cannot be written.
    """
    config = summary.run.config_path
    command = summary.manifest.get("command")
    page = templates().get_template("run.html")
    text = page.render(
        summary=summary,
        figures=embed_run_figures(summary),
        metrics=metrics_by_part(summary),
        intervals=intervals_of(summary),
        num_tested=(count_right(summary) or (0, 0))[1],
        parts=PARTS,
        data_parts=_DATA_PARTS,
        shown_mistakes=SHOWN_MISTAKES,
        settings=_shown_settings(summary),
        config=config.read_text("utf-8", errors="replace") if config.is_file() else "",
        command=shlex.join(map(str, command)) if isinstance(command, list) else "",
        repeat_command=shlex.join(["mlp-lab", "fit", "--config", str(config)]),
        version=__version__,
    )
    write_text(out / "report.html", text)
    return out / "report.html"


def write_comparison_report(
    comparisons: Sequence[Comparison],
    left_out: Sequence[tuple[RunSummary, str]],
    out: Path,
    search: SearchSummary | None = None,
    ensembles: Sequence[EnsembleSummary] = (),
) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.csv`` of many runs.

    Args:
        comparisons: The runs that can be compared.
        left_out: Other runs, and why they cannot.
        out: Where the files go.
        search: The search that the runs are of, if they are.
        ensembles: Ensembles of some of the runs.

    Returns:
        The files.

    Raises:
        WriteError: One of them cannot be written.
    """
    page = (
        templates()
        .get_template("comparison.html")
        .render(
            **_compared(comparisons, left_out, search, ensembles),
            search_figures=draw_search_figures(search) if search else [],
            figures=[
                draw_comparison_figures(comparison, f"figure-{number}")
                for number, comparison in enumerate(comparisons)
            ],
            out=out,
            version=__version__,
        )
    )
    paths = [out / f"report.{kind}" for kind in ("html", "md", "csv")]
    write_text(paths[0], page)
    write_text(paths[1], render_comparison(comparisons, left_out, search, ensembles))
    write_text(paths[2], _to_csv(comparisons))
    return paths


def write_ensemble_report(ensemble: EnsembleSummary, path: Path) -> Path:
    """Write the page of an ensemble, and return its file.

    Raises:
        WriteError: It cannot be written.
    """
    page = templates().get_template("ensemble.html")
    write_text(path, page.render(ensemble=ensemble, version=__version__))
    return path


def render_comparison(
    comparisons: Sequence[Comparison],
    left_out: Sequence[tuple[RunSummary, str]],
    search: SearchSummary | None = None,
    ensembles: Sequence[EnsembleSummary] = (),
) -> str:
    """Return the tables of a comparison as Markdown."""
    page = templates().get_template("comparison.md")
    return page.render(_compared(comparisons, left_out, search, ensembles))


def _compared(
    comparisons: Sequence[Comparison],
    left_out: Sequence[tuple[RunSummary, str]],
    search: SearchSummary | None,
    ensembles: Sequence[EnsembleSummary],
) -> dict[str, Any]:
    return {
        "ensembles": ensembles,
        "comparisons": comparisons,
        "cross_validated": [cross_validated(comparison) for comparison in comparisons],
        "left_out": [entry for entry in left_out if entry[0].status != "pruned"],
        "pruned": [summary for summary, _ in left_out if summary.status == "pruned"],
        "search": search,
    }


def render_run_in_notebook(summary: RunSummary) -> str:
    """Return what a notebook shows of a run as HTML: its results and main curves."""
    figures = embed_run_figures(summary)["training"]
    shown = [figure for figure in figures if figure.name in ("loss", summary.metric)]
    page = templates().get_template("notebook.html")
    return page.render(
        summary=summary, figures=shown, metrics=metrics_by_part(summary), parts=PARTS
    )


def metrics_by_part(summary: RunSummary) -> dict[str, dict[str, float]]:
    """Return the metrics, those that sum the run up first, and their values for each part."""
    table: dict[str, dict[str, float]] = {name: {} for name in summary.shown_metrics}
    before = summary.metrics.get("test_before")
    flat = {f"test_before/{k}": v for k, v in before.items()} if isinstance(before, dict) else {}
    for key, value in (flat | summary.metrics).items():
        part, _, name = key.partition("/")
        if part in PARTS and is_number(value):
            table.setdefault(name, {})[part] = float(value)
    return {name: values for name, values in table.items() if values}


def _shown_settings(summary: RunSummary) -> dict[str, str]:
    """Return the settings of data, model and training that are set."""
    found = summary.found_rate
    searched = {} if found is None else {RATE_KEY: f"{found:.4g}, found by the search"}
    return {
        key.removesuffix(".class_path"): text
        for section in ("model.", "data.", "trainer.", "seed_everything")
        for key, value in (summary.flat_config | searched).items()
        if key.startswith(section) and value is not False and (text := format_value(value))
    }


def _to_csv(comparisons: Iterable[Comparison]) -> str:
    """Return one row for each run: what differs, and every number of its metrics.json."""
    rows: list[dict[str, Any]] = [
        {
            "run": summary.name,
            "setting": setting.label,
            "status": summary.status,
            "seed": summary.seed,
            **({"fold": summary.fold} if comparison.has_folds else {}),
            **({"note": summary.note} if comparison.has_notes else {}),
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


def _short_key(key: str) -> str:
    """Return a dotted key without its section and ``class_path``: ``optimizer.lr``."""
    return key.removesuffix(".class_path").partition(".")[2] or key


def _breakable(key: str) -> Markup:
    """Let a page break a key behind dots and underscores, and no number behind its point."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])(?=[^\W\d])", key))


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
        "abbreviated": abbreviate_metric,
        "breakable": _breakable,
        "capitalise_first": lambda text: text[:1].upper() + text[1:],
        "interval": format_interval,
        "markdown": as_markdown,
        "metric_name": format_metric,
        "number": format_number,
        "p_value": format_p_value,
        "setting": format_setting,
        "short_key": _short_key,
        "spread": format_spread,
    }
    environment.globals["link"] = _link
    return environment
