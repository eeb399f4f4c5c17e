"""``mlp-lab sweep``: a grid of fits, compared on validation."""

import argparse
import contextlib
import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.cli.commands.report import write_report
from mlp_lab.cli.commands.sweep_lines import format_scores, print_beginning, print_notes
from mlp_lab.cli.commands.sweep_study import run_study
from mlp_lab.cli.invocation import DEFAULT_RUNS_DIR, read_invocation
from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.files.plain_text import as_shown
from mlp_lab.processes.signals import Interrupted
from mlp_lab.processes.slurm import leave_slurm
from mlp_lab.report.comparison import ranking_key
from mlp_lab.report.formatting import format_number
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.packaged_configs import find_config, format_config
from mlp_lab.runs.run import check_experiment
from mlp_lab.sweep.grid import CONFIG, Grid, parse_seeds, parse_setting, read_grid
from mlp_lab.sweep.parts import check_parts
from mlp_lab.sweep.search_space import Search, read_search
from mlp_lab.sweep.storage import Storage
from mlp_lab.sweep.study import Score
from mlp_lab.sweep.trials import MAX_UNASKED, SweepDir
from mlp_lab.sweep.workers import run_here, run_in_processes


def sweep(args: Sequence[str], *, opened: Callable[[SweepDir], None] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        args: What is typed behind ``mlp-lab sweep``.
        opened: Called with the sweep's directory, before the first trial.
    """
    leave_slurm()
    words, flags = make_parser().parse_known_args(args)
    grid, search = make_grid(words, flags)
    if words.jobs < 1:
        raise ConfigError(f"jobs is {words.jobs}; it must be at least 1.")
    num_runs = search.trials * grid.trials_of_a_point if search else grid.num_trials
    if num_runs > MAX_UNASKED and not words.yes:
        kind = "search" if search else "grid"
        raise ConfigError(
            f"The {kind} has {num_runs:,} trials. If that is what you want, add --yes."
        )

    name = words.experiment or _name(words, grid)
    check_experiment(name)
    sweep = SweepDir(words.runs_dir / name, grid, search)
    is_shared = search is not None or words.storage is not None
    storage = Storage(words.storage, sweep.dir) if is_shared else None
    if storage and words.storage:  # loggers note what was typed, those of --jobs too
        sys.argv[:] = [word.replace(words.storage, storage.name) for word in sys.argv]
    if search:
        check_parts(search)
    scores = _check(grid, search)
    for typed in (*([words.grid] if words.grid else []), *grid.files()):
        if (found := find_config(typed)) != Path(typed):
            print(f"configuration: {format_config(found)}")
    if opened:
        opened(sweep)
    with _explaining_interruption():
        if storage is not None:
            if len(scores) > 1:
                names = " and others by ".join(sorted(score.key for score in scores))
                raise ConfigError(
                    f"Some settings are scored by {names}, so that no study can rank them. Leave "
                    "some out."
                )
            return run_study(sweep, storage, scores.pop(), words.jobs)
        with sweep.opened():
            return run_sweep(sweep, words.jobs)


@contextlib.contextmanager
def _explaining_interruption() -> Iterator[None]:
    try:
        yield
    except Interrupted:
        with contextlib.suppress(OSError):  # its terminal may be gone
            print("interrupted; the same command goes on", file=sys.stderr)
        raise


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command's words; other words are those of every fit."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab sweep",
        description="Fit every combination of some settings with every seed and fold, and compare "
        "them on validation. Other flags are those of every fit. A sweep that was stopped goes on "
        "with the same command.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-c", "--config", action="append", default=[], help="configuration of all, as for fit"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=FIRST,SECOND",
        help="a setting and its values; config=FILE,FILE varies whole configurations",
    )
    parser.add_argument("--seeds", help="seeds of each point, such as 0,1,2; by default 0")
    parser.add_argument(
        "--folds",
        type=int,
        help="folds of a cross-validation: each scores a net that was trained on the others",
    )
    parser.add_argument(
        "--grid",
        type=Path,
        metavar="FILE",
        help="YAML with config, set, seeds, folds and flags; and, to search, search, trials, "
        "sampler and pruner",
    )
    parser.add_argument("--trials", type=int, help="settings that a search tries")
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database in which several machines share the trials, such as "
        "postgresql+psycopg://USER@HOST/DATABASE; the same command is typed on each",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that train at once")
    parser.add_argument("--experiment", help="name of the sweep; by default the file's")
    parser.add_argument("--runs_dir", type=Path, default=DEFAULT_RUNS_DIR, help="of all runs")
    parser.add_argument("--yes", action="store_true", help=f"begin more than {MAX_UNASKED} trials")
    return parser


def make_grid(words: argparse.Namespace, flags: list[str]) -> tuple[Grid, Search | None]:
    """Combine what is typed with a sweep's file; what is typed wins.

    Returns:
        The grid; and the search, where the file has one, whose choices are then the grid's values.
    """
    base: dict[str, Any] = {"config": [], "flags": [], "set": {}, "seeds": [], "folds": None}
    if words.grid is not None:
        base |= read_grid(words.grid)
    pairs = list(map(parse_setting, words.set))
    if twice := [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]:
        raise ConfigError(f"set {twice[0]} is given twice; put all its values into one, as in a,b.")
    seeds = base["seeds"] or [0] if words.seeds is None else parse_seeds(words.seeds)
    values = base["set"] | dict(pairs)
    search = read_search(base, values, words.trials)
    grid = Grid(
        configs=[*base["config"], *words.config],
        flags=[*base["flags"], *flags],
        values=search.choices if search else values,
        seeds=seeds,
        folds=base["folds"] if words.folds is None else words.folds,
    )
    return grid, search


def run_sweep(sweep: SweepDir, jobs: int) -> int:
    """Run the trials that are left, print how they go, and compare."""
    from mlp_lab.cli.commands.training import fit  # imports torch

    todo = [trial for trial in sweep.grid.trials() if not sweep.is_finished(trial)]
    num = sweep.grid.num_trials
    print_beginning(sweep, num, num - len(todo))
    summaries = [read_summary(run.dir) for t in sweep.grid.trials() if (run := sweep.run_of(t))]
    done, failed = num - len(todo), []
    printed: set[str] = set()
    one_process = jobs == 1 or len(todo) < 2
    outcomes = (
        run_here(sweep, todo, fit) if one_process else run_in_processes(sweep, todo, jobs, fit)
    )
    for trial, outcome in outcomes:
        done += 1
        begin = f"{done:>{len(str(num))}}/{num}  {trial.label}  "
        trained = [read_summary(outcome.run)] if outcome.run else []
        print_notes(trained, printed)
        if outcome.error or not trained:
            failed.append(trial)
            print(as_shown(f"{begin}failed: {outcome.error}"), flush=True)
        else:
            summaries += trained
            result = f"{begin}{format_scores(trained)}  {outcome.seconds:.1f} s"
            print(f"{result}{_best_so_far(summaries)}", flush=True)
    if len(failed) < num:
        write_report(sweep.dir, None)
    for trial in failed:
        print(f"failed: {trial.label}; see {sweep.log_path(trial)}", file=sys.stderr)
    return 1 if failed else 0


def _best_so_far(summaries: Sequence[RunSummary]) -> str:
    """Name the best by validation of those that can be ranked with the last one."""
    *_, last = summaries
    alike = [(s.number(s.score), s) for s in summaries if ranking_key(s) == ranking_key(last)]
    ranked = [(score, summary) for score, summary in alike if score is not None]
    if not ranked:
        return ""
    score, best = (max if last.highest_is_best else min)(ranked, key=lambda pair: pair[0])
    return f"  best so far {format_number(score, best.score)} ({best.name})"


def _check(grid: Grid, search: Search | None) -> set[Score]:
    """Refuse settings and values that no fit would take, before the first one.

    Each value is tried by itself: their combinations may be many.

    Returns:
        What the settings are scored by.
    """
    from mlp_lab.cli.parser import ParsedCLI
    from mlp_lab.training.processes import require_one_process

    tried = search.corners() if search else grid.values
    first = {key: values[0] for key, values in tried.items()}
    points = [{**first, key: value} for key, values in tried.items() for value in values] or [first]
    scores = set()
    for point in points:
        words = grid.words(next(grid.trials_of(point)))
        cli = ParsedCLI("fit", read_invocation("fit", words))
        if grid.folds is not None:
            with warnings.catch_warnings(action="ignore", category=MLPLabWarning):
                cli.make_data()  # what contradicts folds would fail them all
        config = cli.config
        for key in ("fast_dev_run", "overfit_batches"):
            if config.trainer[key]:
                raise ConfigError(f"trainer.{key} leaves nothing to compare; leave it out.")
        require_one_process(
            config.trainer,
            "a trial of a sweep is one. Add --trainer.devices=1; --jobs trains several trials at "
            "once.",
        )
        module, _, name = config.model.class_path.rpartition(".")
        task = getattr(importlib.import_module(module), name)
        key = (config.model.get("init_args") or {}).get("score") or task.score
        scores.add(Score(key, task.score_modes.get(key, task.score_mode)))
    return scores


def _name(words: argparse.Namespace, grid: Grid) -> str:
    """Call a sweep after its grid, or after the configuration that it varies."""
    if words.grid is not None:
        return str(words.grid.stem)
    if CONFIG in grid.values:
        return "sweep"
    return f"{Path(grid.configs[0]).stem if grid.configs else 'base'}_sweep"
