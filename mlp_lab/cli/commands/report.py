"""``mlp-lab report``: the summary of one run, or many compared."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.cli.console import print_rows
from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_text import as_shown
from mlp_lab.report.comparison import Comparison, Setting, compare
from mlp_lab.report.cross_validation import cross_validated
from mlp_lab.report.ensemble import find_ensembles, read_ensemble, scores_path
from mlp_lab.report.formatting import (
    abbreviate_metric,
    format_interval,
    format_key,
    format_number,
    format_spread,
)
from mlp_lab.report.out_of_fold import write_out_of_fold
from mlp_lab.report.pages import (
    write_comparison_report,
    write_ensemble_report,
    write_run_report,
)
from mlp_lab.report.run_files import find_some_runs, read_summary
from mlp_lab.report.search import read_search_summary


def report(args: Sequence[str]) -> int:
    """Run the command and return its exit code.

    Raises:
        ConfigError: Several directories, and no --out for their report.
    """
    arguments = make_parser().parse_args(args)
    if len(arguments.directories) == 1:
        return write_report(arguments.directories[0], arguments.out)
    if arguments.out is None:
        raise ConfigError("The report of several directories needs a place: add --out DIRECTORY.")
    return _write_comparison(arguments.directories, arguments.out)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab report",
        description="Write a run's summary as report.html; or compare all runs below a directory, "
        "and the ensembles of them, as report.html, report.md and report.csv; or write what an "
        "ensemble's model file gains over its members.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "directories",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a run, a directory of runs or several of them, or an ensemble's model file",
    )
    parser.add_argument(
        "--out", type=Path, default=None, help="directory of the report; by default the same"
    )
    return parser


def write_report(directory: Path, out: Path | None) -> int:
    """Write the report of a run, of many or of an ensemble, and print its essence."""
    if directory.is_file():
        return _write_ensemble(directory, out)
    if find_some_runs(directory) != [directory]:
        return _write_comparison([directory], out or directory)
    summary = read_summary(directory)
    for sentence in summary.missing:
        print(as_shown(sentence))
    for note in summary.notes:
        print(as_shown(f"note: {note}"))
    print(f"report: {write_run_report(summary, out or directory)}")
    return 0


def _write_comparison(directories: Sequence[Path], out: Path) -> int:
    runs = list(dict.fromkeys(run for path in directories for run in find_some_runs(path)))
    comparisons, left_out = compare([read_summary(run) for run in runs])
    search = read_search_summary(directories[0]) if len(directories) == 1 else None
    for comparison in comparisons:
        score = format_key(comparison.score, is_scaled=comparison.has_scaled_loss)
        print(as_shown(f"{comparison.data}, by {score}, the best first:"))
        for note in comparison.data_notes:
            print(as_shown(f"  note: {note}"))
        for setting in comparison.settings:
            val, test = (_format_scores(comparison, setting, part) for part in ("val", "test"))
            over_samples = format_interval(setting.test_interval, comparison.metric)
            test = f"{test} (over test samples {over_samples})" if over_samples else test
            print(as_shown(f"  validation {val}  test {test or 'not measured'}  {setting.label}"))
        for summary in (s for setting in comparison.settings for s in setting.summaries):
            for sentence in summary.missing:
                if " is damaged" in sentence:  # what else is missing stands on the page
                    print(as_shown(f"  {summary.name}: {sentence}"))
        if comparison.pairs:
            apart = sum(pair.told_apart == "yes" for pair in comparison.pairs)
            print(
                f"  {apart} of {len(comparison.pairs)} other settings told apart from the best, "
                f"over {comparison.pairs_over} and test samples"
            )
        if comparison.has_single_seeds:
            print("  one seed: mlp-lab sweep --seeds 0,1,2 shows how far apart seeds are")
        for sentence in comparison.describe_edges(search.tried if search else ()):
            print(as_shown(f"  {sentence}"))
        _print_cross_validation(comparison)
    if search is not None and search.caution:
        print(as_shown(search.caution))
    ensembles, unusable = find_ensembles(
        dict.fromkeys([*directories, *(run.parent for run in runs)])
    )
    for sentence in (*(f"{found.model}: {found.sentence}" for found in ensembles), *unusable):
        print(as_shown(sentence))
    reasons = [f"{s.name} ({reason})" for s, reason in left_out if s.status != "pruned"]
    if len(reasons) < len(left_out):
        print(f"pruned: {len(left_out) - len(reasons)} runs, listed in the report")
    if reasons:
        print(as_shown(f"left out: {', '.join(reasons)}"))
    for path in write_comparison_report(comparisons, left_out, out, search, ensembles):
        print(f"report: {path}")
    paths, problems = write_out_of_fold(comparisons, out)
    for path in paths:
        print(f"out-of-fold predictions: {path}")
    for sentence in problems:
        print(as_shown(sentence))
    return 0


def _format_scores(comparison: Comparison, setting: Setting, part: str) -> str:
    """Format a setting's scores on a part; named where there are several."""
    keys = comparison.shown_metrics
    texts = {key: format_spread(setting.spread(f"{part}/{key}"), key) for key in keys}
    found = {key: text for key, text in texts.items() if text}
    if keys == [comparison.metric]:
        return "".join(found.values())
    return ", ".join(f"{abbreviate_metric(key)} {text}" for key, text in found.items())


def _print_cross_validation(comparison: Comparison) -> None:
    """Print the mean score of each cross-validated setting, and which folds are missing."""
    settings = cross_validated(comparison)
    if settings:
        print(f"cross-validation, mean {comparison.score} and its 95 % interval:")
    for found in settings:
        mean = format_number(found.score.mean, comparison.metric)
        interval = format_interval(found.score.confidence_interval(), comparison.metric)
        runs, label = found.setting.repetitions, found.setting.label
        print(as_shown(f"  {mean} ({interval or 'not known'})  {runs}  {label}"))
    for sentence in (sentence for found in settings for sentence in found.missing):
        print(as_shown(f"  {sentence}"))


def _write_ensemble(model: Path, out: Path | None) -> int:
    ensemble = read_ensemble(model)
    if ensemble is None:
        raise ConfigError(
            f"{str(model)!r} is no ensemble of mlp-lab export, with {scores_path(model).name} "
            "beside it. Give one, a run or a directory of runs."
        )
    print_rows(f"{ensemble.model}: {ensemble.data}", ensemble.rows)
    print(as_shown(f"{ensemble.model}: {ensemble.sentence}"))
    path = (out or model.parent) / f"{model.stem}.html"
    print(f"report: {write_ensemble_report(ensemble, path)}")
    return 0
