"""A sweep whose trials are in a study: one that searches, or that several machines share."""

import sys
from functools import partial

from mlp_lab.cli.commands.report import write_report
from mlp_lab.cli.commands.sweep_lines import format_scores, print_beginning, print_notes
from mlp_lab.files.atomic import write_json
from mlp_lab.files.plain_text import as_shown
from mlp_lab.report.formatting import format_number
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.search import SEARCH_FILE
from mlp_lab.sweep.storage import Storage
from mlp_lab.sweep.study import Claim, Result, Score, Study
from mlp_lab.sweep.study_workers import Work, work_in_processes, work_on
from mlp_lab.sweep.trials import SweepDir


def run_study(sweep: SweepDir, storage: Storage, score: Score, jobs: int) -> int:
    """Work on the trials until all are done, print how they go, compare; return the exit code."""
    from mlp_lab.cli.commands.training import fit  # imports torch

    work = Work(sweep, storage.url, score, fit, partial(print_trial, printed=set()))
    with work.joined(is_first=jobs == 1 and storage.url is None) as study:
        trials = study.trials()
        done = sum(trial.state.is_finished() for trial in trials)
        print_beginning(sweep, len(trials), done)
        print(f"study: {study.name} in {storage.name}", flush=True)
        study.warn_of_other_code()
        if jobs == 1:
            work_on(study, work)
        else:
            work_in_processes(work, jobs)
        failed = study.failures()
        if sweep.search:
            write_json(sweep.dir / SEARCH_FILE, study.record())
    if len(failed) < len(trials):
        write_report(sweep.dir, None)
    for label, error in failed.items():
        print(as_shown(f"failed: {label}: {error}"), file=sys.stderr)
    return 1 if failed else 0


def print_trial(study: Study, claim: Claim, result: Result, printed: set[str]) -> None:
    """Print what became of a trial, and the best until then; notes on its data if they are new."""
    runs = [run for trial in claim.runs if (run := study.sweep.run_of(trial)) is not None]
    summaries = [read_summary(run.dir) for run in runs]
    print_notes(summaries, printed)
    trials = study.trials()
    done = sum(trial.state.is_finished() for trial in trials)
    match result.state:
        case "complete":
            text = format_scores(summaries)
        case "pruned":
            text = "pruned"
        case "failed":
            text = f"failed: {result.error}"
    line = f"{done:>{len(str(len(trials)))}}/{len(trials)}  {claim.label}  {text}"
    if result.state != "failed":
        line += f"  {result.seconds:.1f} s"
    if best := study.best_of(trials):
        line += f"  best so far {format_number(best.value, study.score.key)} (trial {best.number})"
    print(as_shown(line), flush=True)
