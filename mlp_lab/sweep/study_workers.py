"""Workers that train the trials of a study: one in this process, or several beside it."""

import contextlib
import gc
import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mlp_lab.errors import InUseError, MLPLabError, WorkerError
from mlp_lab.files.plain_text import as_shown
from mlp_lab.processes.signals import Interrupted, begin_helper, raise_on_signals
from mlp_lab.report.run_files import read_summary
from mlp_lab.sweep.storage import Storage
from mlp_lab.sweep.study import Claim, Result, Score, Study, name_worker
from mlp_lab.sweep.trials import Fit, SweepDir, run_trial
from mlp_lab.sweep.workers import environment

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """What a worker needs to begin; it can be handed to another process.

    Attributes:
        sweep: The sweep's directory.
        url: Where the study is; None for a journal in the directory.
        score: What the settings are ranked by.
        fit: What trains.
        report: Called with the study after each trial that a worker has trained.
    """

    sweep: SweepDir
    url: str | None
    score: Score
    fit: Fit
    report: Callable[[Study, Claim, Result], None]

    @contextlib.contextmanager
    def joined(self, *, is_first: bool = False) -> Iterator[Study]:
        """Join the workers of the study, and leave them in the end.

        Args:
            is_first: Whether a sampler's seed is kept, if there are no trials yet.

        Raises:
            ConfigError: The directory or the study is of another sweep.
            StorageError: The storage cannot be reached.
        """
        worker = name_worker()
        with self.sweep.joined(worker):
            storage = Storage(self.url, self.sweep.dir)
            try:
                yield Study(self.sweep, storage, self.score, worker, is_first=is_first)
            finally:
                storage.close()


def work_on(study: Study, work: Work) -> None:
    """Train trials until all are done, those of workers that end meanwhile too.

    Raises:
        StorageError: The study's storage cannot be reached.
        WorkerError: This machine cannot train; its trial is left to the others.
        Interrupted: The command is to stop; its trial goes on with the next one.
    """
    while True:
        claim = study.claim()
        if claim is None:
            if not study.is_busy:
                return
            time.sleep(_POLL_SECONDS)
            continue
        try:
            with study.leases.kept(claim.trial._trial_id, claim.worker_before):
                result = _train(study, claim, work.fit)
        except InUseError:  # who was thought to have ended has not
            time.sleep(_POLL_SECONDS)
            continue
        study.tell(claim, result)
        work.report(study, claim, result)


def _train(study: Study, claim: Claim, fit: Fit) -> Result:
    """Train what is left of a trial, its seeds in order."""
    sweep = study.sweep
    start = time.monotonic()
    scores: list[float] = []

    def end(
        state: Literal["complete", "pruned", "failed"],
        value: float | None = None,
        error: str = "",
    ) -> Result:
        return Result(state, value, error, time.monotonic() - start)

    for number, trial in enumerate(claim.runs):
        prunes = sweep.search is not None and sweep.search.pruner is not None and number == 0
        with sweep.kept(trial):
            if not sweep.is_over(trial):
                prune = partial(study.should_prune, claim) if prunes else None
                outcome = run_trial(sweep, trial, fit, prune)
                if outcome.is_machines:
                    raise WorkerError(
                        f"{claim.label} is put back, since this machine cannot train it: "
                        f"{outcome.error}"
                    )
                if outcome.error:
                    return end("failed", error=outcome.error)
        run = sweep.run_of(trial)
        summary = read_summary(run.dir) if run else None
        if summary and summary.status == "pruned":
            return end("pruned")
        score = summary.number(summary.score) if summary else None
        if score is None:
            return end("failed", error="nothing was scored on validation")
        scores.append(score)
    return end("complete", statistics.fmean(scores))


def work_in_processes(work: Work, jobs: int) -> None:
    """Let so many processes work; what one of them leaves when it is killed, the others do.

    Where this is left, they get SIGTERM.

    Raises:
        WorkerError: None came to its end.
    """
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_begin, args=(os.getpid(), work)) for _ in range(jobs)]
    try:
        # Read when torch is loaded: a thread that waits leaves its core to the other trainings.
        with environment("OMP_WAIT_POLICY", "PASSIVE"):
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join()
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        for child in multiprocessing.active_children():
            child.join()
        raise
    for worker in workers:
        if worker.exitcode is not None and worker.exitcode < 0:
            name = signal.Signals(-worker.exitcode).name
            print(f"a process that trained was ended by {name}", file=sys.stderr)
    if all(worker.exitcode for worker in workers):
        raise WorkerError(
            "No process that trained came to its end: they have printed why, or were stopped, "
            "perhaps because memory ran out. The same command goes on."
        )


def _begin(parent: int, work: Work) -> None:
    """Work in a process of its own."""
    begin_helper(parent, signal.SIGTERM)
    gc.freeze()  # what was imported, which the process is for
    raise_on_signals(signal.SIGTERM, ends_at_second=False)
    try:
        with work.joined() as study:
            work_on(study, work)
    except Interrupted as stop:
        os._exit(stop.exit_code)
    except MLPLabError as error:
        print(f"mlp-lab: error: {as_shown(str(error))}", file=sys.stderr, flush=True)
        os._exit(error.exit_code)
