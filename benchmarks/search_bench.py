"""What a study costs a sweep: beside a fit, with two workers, and with many on very short trials.

    python benchmarks/search_bench.py --storage postgresql+psycopg://USER@HOST/DATABASE

Run it on a quiet machine, with OMP_NUM_THREADS=1. Without --storage the journal alone is measured.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from uuid import uuid4

from mlp_lab.files.atomic import write_json
from mlp_lab.runs.run import Run
from mlp_lab.sweep.grid import Grid
from mlp_lab.sweep.search_space import Part, Range, Search
from mlp_lab.sweep.study import Claim, Result, Score, Study
from mlp_lab.sweep.study_workers import Work, work_in_processes, work_on
from mlp_lab.sweep.trials import Fit, ShouldPrune, SweepDir

DIGITS = ["--data.source=Digits", "--trainer.max_epochs=30"]
MOONS = ["--data.source=Moons", "--trainer.max_epochs=3"]
SHORT_SECONDS = 0.01
NUM_WORKERS = (1, 2, 4, 8, 16)
ACCURACY = Score("val/acc", "max")


@dataclass(frozen=True)
class TimedFit:
    """Train as a sweep does, and note how long it took."""

    seconds: list[float]

    def __call__(
        self,
        words: Sequence[str],
        *,
        opened: Callable[[Run], None],
        should_prune: ShouldPrune | None,
    ) -> int:
        """Train."""
        from mlp_lab.cli.commands.training import fit

        start = time.perf_counter()
        try:
            return fit(words, opened=opened, should_prune=should_prune)
        finally:
            self.seconds.append(time.perf_counter() - start)


def plain_fit(
    words: Sequence[str], *, opened: Callable[[Run], None], should_prune: ShouldPrune | None
) -> int:
    """Train as a sweep does."""
    from mlp_lab.cli.commands.training import fit

    return fit(words, opened=opened, should_prune=should_prune)


def short_fit(
    words: Sequence[str], *, opened: Callable[[Run], None], should_prune: ShouldPrune | None
) -> int:
    """Leave what a run leaves that the sweep reads, after a hundredth of a second."""
    typed = dict(word.removeprefix("--").split("=") for word in words)
    run = Run(Path(typed["runs_dir"]) / typed["experiment"] / f"version_{uuid4().hex}")
    run.dir.mkdir(parents=True)
    run.config_path.write_text("seed_everything: 0\n", encoding="utf-8")
    opened(run)
    time.sleep(SHORT_SECONDS)
    write_json(run.metrics_path, {ACCURACY.key: 0.5})
    score = {"metric": ACCURACY.key, "mode": ACCURACY.mode}
    run.update_manifest(status="finished", score=score)
    return 0


def say_nothing(study: Study, claim: Claim, result: Result) -> None:
    """Print no line of a trial."""


@contextmanager
def searching(
    url: str | None, fit: Fit, words: list[str], trials: int, *, prunes: bool = False
) -> Iterator[tuple[Work, Study]]:
    """Open a study of a name of its own, in a directory that is removed."""
    pruner = Part("NopPruner", {}) if prunes else None
    ranges = {"model.optimizer.lr": Range(1e-4, 1e-2, log=True)}
    search = Search({}, ranges, trials, pruner=pruner)
    with tempfile.TemporaryDirectory() as directory:
        lab = Path(directory) / f"bench_{uuid4().hex}"
        sweep = SweepDir(lab, Grid([], words, {}, [0]), search)
        work = Work(sweep, url, ACCURACY, fit, say_nothing)
        with work.joined() as study:
            yield work, study


def measure_overhead(url: str | None, trials: int = 20) -> float:
    """Return the median seconds that a trial takes beyond its fit, reported after each epoch."""
    ends: list[float] = []
    fit = TimedFit([])
    with searching(url, fit, MOONS, trials, prunes=True) as (work, study):
        timed = Work(work.sweep, url, ACCURACY, fit, lambda *_: ends.append(time.perf_counter()))
        work_on(study, timed)
    # The first fit imports and the first claim makes tables.
    wholes = [end - begin for begin, end in itertools.pairwise(ends)]
    return median(whole - own for whole, own in zip(wholes, fit.seconds[1:], strict=True))


def measure_rate(url: str | None, jobs: int, fit: Fit, words: list[str], trials: int) -> float:
    """Return trials a second of so many processes, while all of them train.

    That is from when the last of them has begun, its imports behind it, until the first is done.
    """
    with searching(url, fit, words, trials) as (work, study):
        work_in_processes(work, jobs)
        by_worker: dict[str, list[tuple[datetime, datetime]]] = {}
        for trial in study.trials():
            assert trial.datetime_start
            assert trial.datetime_complete
            span = trial.datetime_start, trial.datetime_complete
            by_worker.setdefault(trial.user_attrs["worker"], []).append(span)
        # The first trial of each imports torch.
        begin = max(min(spans)[1] for spans in by_worker.values())
        end = min(max(spans)[1] for spans in by_worker.values())
        done = [e for spans in by_worker.values() for _, e in spans if begin < e <= end]
        return len(done) / (end - begin).total_seconds()


def main() -> None:
    """Measure, and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", help="URL of a database")
    parser.add_argument("--rounds", type=int, default=3, help="of the two workers against one")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    places = {"journal": None, **({"database": arguments.storage} if arguments.storage else {})}
    for name, url in places.items():
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            overhead = measure_overhead(url)
        print(f"{name}: {1000 * overhead:.0f} ms a trial beyond its fit", flush=True)
        ratios = []
        for _ in range(arguments.rounds):
            one, two = (measure_rate(url, jobs, plain_fit, DIGITS, 40) for jobs in (1, 2))
            ratios.append(two / one)
        print(f"{name}: two workers / one: {', '.join(f'{r:.2f}' for r in ratios)}", flush=True)
        for jobs in NUM_WORKERS:
            rate = measure_rate(url, jobs, short_fit, [], 40 * jobs)
            each = f"{1000 * jobs / rate:.0f} ms each"
            print(f"{name}: {jobs:2} workers, trials of 10 ms: {rate:.1f}/s, {each}", flush=True)


if __name__ == "__main__":
    main()
