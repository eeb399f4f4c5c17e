"""Trials and what became of them, kept in files so that a killed sweep goes on."""

import contextlib
import secrets
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlp_lab.errors import ConfigError, InUseError, MLPLabError, StorageError, first_line
from mlp_lab.files.atomic import write_json, write_text
from mlp_lab.files.lock import hold, is_held, locked, try_hold
from mlp_lab.processes import garbage
from mlp_lab.runs.run import Run, read_json
from mlp_lab.sweep.grid import Grid, Trial
from mlp_lab.sweep.search_space import Search

_WORKER = "worker-"

MAX_UNASKED = 1000
"""Trials that are begun without being confirmed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        run: Its run directory; None where it never came to one.
        error: Why it failed; empty where it did not.
        seconds: How long it took.
        is_machines: Whether the failure is this machine's, and another may train the trial.
    """

    run: Path | None
    error: str
    seconds: float
    is_machines: bool = False


class SweepDir:
    """The directory of a sweep: its grid, a note and a log for each trial, and their runs.

    Args:
        dir: The directory.
        grid: The grid; of a search what all its trials share, and the values to choose from.
        search: What is searched; None for a grid.
    """

    def __init__(self, directory: Path, grid: Grid, search: Search | None = None) -> None:
        self.dir = directory
        self.grid = grid
        self.search = search

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Keep the directory for the grid, and for this process alone.

        Raises:
            ConfigError: It is of another grid, no sweep's, or in use by another process.
        """
        self._check()
        lock = hold(self.dir, self._in_use)
        try:
            if self.has_workers():
                raise InUseError(self._in_use)
            write_json(self.dir / "sweep.json", self.plain())
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def joined(self, worker: str) -> Iterator[None]:
        """Keep the directory for what it is of, and for workers, of which this is one.

        Raises:
            ConfigError: It is of another grid, no sweep's, or in use by a sweep of one command.
        """
        self._check()
        self.workers_dir.mkdir(exist_ok=True)
        lock = try_hold(self.lock_path(worker))
        assert lock is not None  # no other worker has this name
        try:
            with locked(self.workers_dir):
                hold(self.dir, self._in_use).release()
                self._check()
                write_json(self.dir / "sweep.json", self.plain())
            yield
        finally:
            lock.release()
            self.lock_path(worker).unlink(missing_ok=True)

    def _check(self) -> None:
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in self.dir.iterdir()} - {self.workers_dir.name, ".lock"}
        except OSError as error:
            raise ConfigError(
                f"{str(self.dir)!r} cannot hold a sweep: {error.strerror}."
            ) from error
        before = read_json(self.dir / "sweep.json")
        if before and (different := self.differences(before)):
            raise ConfigError(
                f"{str(self.dir)!r} is of another grid: {', '.join(different)} differ. Give this "
                "one a name of its own with --experiment."
            )
        if not before and names:
            raise ConfigError(
                f"{str(self.dir)!r} holds something else than a sweep. Give this one a name of its "
                "own with --experiment."
            )

    @property
    def _in_use(self) -> str:
        return f"{str(self.dir)!r} is in use by another sweep."

    def plain(self) -> dict[str, Any]:
        """Return what it is of in plain types."""
        return self.grid.plain() | ({"search": self.search.plain()} if self.search else {})

    def differences(self, before: Mapping[str, Any]) -> list[str]:
        """Return what keeps this sweep from going on with one before; a grid may have grown."""
        different = self.grid.continues(before)
        own, other = self.plain().get("search", {}), before.get("search", {})
        different += [f"search {k}" for k in {**other, **own} if own.get(k) != other.get(k)]
        if self.search and before.get("seeds") != self.grid.seeds and "seeds" not in different:
            different.append("seeds")
        return [key for key in different if not (key == "set" and self.search)]

    def has_workers(self, besides: str = "") -> bool:
        """Whether other processes work on the sweep than the worker of a name."""
        paths = self.workers_dir.glob(f"{_WORKER}*.lock")
        return any(is_held(path) for path in paths if path != self.lock_path(besides))

    @property
    def workers_dir(self) -> Path:
        """Where the workers that share the trials have a lock file each."""
        return self.dir / "workers"

    def lock_path(self, worker: str) -> Path:
        """The file that a worker keeps locked while it lives."""
        return self.workers_dir / f"{_WORKER}{worker}.lock"

    def read_identity(self) -> str:
        """Return what no other directory is called, of this name or on another disk.

        Whoever calls it for the first time keeps the workers' directory locked.
        """
        path = self.workers_dir / "identity"
        if not path.is_file():
            write_text(path, secrets.token_hex(8))
        return path.read_text(encoding="utf-8")

    def note_path(self, trial: Trial) -> Path:
        """Where a trial's outcome is noted."""
        return self.dir / "trials" / f"{trial.key}.json"

    def log_path(self, trial: Trial) -> Path:
        """Where a trial's console output goes."""
        return self.dir / "trials" / f"{trial.key}.log"

    def run_of(self, trial: Trial) -> Run | None:
        """Return the run that a trial has begun, if it is still there."""
        named = read_json(self.note_path(trial)).get("run")
        run = Run(self.dir / named) if named else None
        return run if run is not None and run.config_path.is_file() else None

    def is_finished(self, trial: Trial) -> bool:
        """Whether a trial came to its end."""
        run = self.run_of(trial)
        return run is not None and run.read_manifest().get("status") == "finished"

    def is_over(self, trial: Trial) -> bool:
        """Whether a trial came to its end, or was given up."""
        run = self.run_of(trial)
        return run is not None and run.read_manifest().get("status") in ("finished", "pruned")

    @contextlib.contextmanager
    def kept(self, trial: Trial) -> Iterator[None]:
        """Keep a trial for this process, also before it has a run.

        Raises:
            InUseError: Another process has it.
        """
        path = self.workers_dir / f"{trial.key}.lock"
        lock = try_hold(path)
        if lock is None:
            raise InUseError(f"{trial.label} of {str(self.dir)!r} is in use by another sweep.")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            lock.release()

    def note(self, trial: Trial, **entries: Any) -> None:
        """Note something of a trial."""
        path = self.note_path(trial)
        write_json(path, {"label": trial.label} | read_json(path) | entries)

    def words(self, trial: Trial) -> list[str]:
        """Return what is typed behind ``mlp-lab fit`` to begin a trial, or to go on with it."""
        run = self.run_of(trial)
        if run is not None:
            return ["--run_dir", str(run.dir), "--trust"]  # this sweep has written it
        # Where configurations vary, each names an experiment of its own.
        place = (
            [f"--runs_dir={self.dir}"]
            if "config" in self.grid.values
            else [f"--runs_dir={self.dir.parent}", f"--experiment={self.dir.name}"]
        )
        return ["--figures=false", "--onnx=false", *self.grid.words(trial), *place]


ShouldPrune = Callable[[int, float], bool]


class Fit(Protocol):
    """What trains: ``mlp-lab fit`` with some words, in this process."""

    def __call__(
        self,
        words: Sequence[str],
        *,
        opened: Callable[[Run], None],
        should_prune: ShouldPrune | None,
    ) -> int:
        """Train; call ``opened`` with the run once it is there, ``should_prune`` after epochs."""


def run_trial(
    sweep: SweepDir, trial: Trial, fit: Fit, should_prune: ShouldPrune | None = None
) -> Outcome:
    """Train a trial in this process, and note what became of it.

    Args:
        sweep: The sweep.
        trial: The trial.
        fit: What trains.
        should_prune: Says after an epoch, from 0, by its score whether the trial is given up.

    Raises:
        InUseError: Another process trains the run.
        StorageError: ``should_prune`` cannot be answered.
        Interrupted: The sweep is to stop; the trial goes on with the next one.
    """
    start = time.monotonic()
    runs: list[Path] = []
    was_begun = sweep.run_of(trial) is not None
    error, is_machines = "", False

    def note_run(run: Run) -> None:
        runs.append(run.dir.absolute())
        sweep.note(trial, run=str(runs[0].relative_to(sweep.dir.absolute())))

    with garbage.leaving_none(), _into(sweep.log_path(trial)):
        try:
            fit(sweep.words(trial), opened=note_run, should_prune=should_prune)
        except (InUseError, StorageError):
            raise  # nothing is wrong with the trial
        except Exception as failure:  # a trial may fail in any way, and the others go on
            if isinstance(failure, MLPLabError):
                error = str(failure)
                print(error)
            else:
                error = f"{type(failure).__name__}: {first_line(failure)}"
                traceback.print_exc()
            # Files that are missing, damaged or cannot be written, packages that are missing; and
            # what another machine has begun and this one cannot go on with, for want of cores, say.
            is_machines = isinstance(failure, OSError | ImportError) or (was_begun and not runs)
    outcome = Outcome(runs[0] if runs else None, error, time.monotonic() - start, is_machines)
    sweep.note(trial, error=error, seconds=round(outcome.seconds, 1))
    return outcome


@contextlib.contextmanager
def _into(path: Path) -> Iterator[None]:
    """Write what is printed into a file; a trial that goes on adds to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield
