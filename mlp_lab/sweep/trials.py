"""Trials and what became of them, kept in files so that a killed sweep goes on."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mlp_lab.errors import ConfigError, MLPLabError, first_line
from mlp_lab.files.atomic import write_json
from mlp_lab.files.lock import hold
from mlp_lab.runs.run import Run, read_json
from mlp_lab.sweep.grid import Grid, Trial

MAX_UNASKED = 1000
"""Trials that are begun without being confirmed."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        run: Its run directory; None where it never came to one.
        error: Why it failed; empty where it did not.
        seconds: How long it took.
    """

    run: Path | None
    error: str
    seconds: float


class SweepDir:
    """The directory of a sweep: its grid, a note and a log for each trial, and their runs.

    Args:
        dir: The directory.
        grid: The grid.
    """

    def __init__(self, directory: Path, grid: Grid) -> None:
        self.dir = directory
        self.grid = grid

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Keep the directory for the grid, and for this process alone.

        Raises:
            ConfigError: It is of another grid, no sweep's, or in use by another process.
        """
        path = self.dir / "sweep.json"
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            is_empty = not any(self.dir.iterdir())
        except OSError as error:
            raise ConfigError(
                f"{str(self.dir)!r} cannot hold a sweep: {error.strerror}."
            ) from error
        before = read_json(path)
        if before and (different := self.grid.continues(before)):
            raise ConfigError(
                f"{str(self.dir)!r} is of another grid: {', '.join(different)} differ. Give this "
                "one a name of its own with --experiment."
            )
        if not before and not is_empty:
            raise ConfigError(
                f"{str(self.dir)!r} holds something else than a sweep. Give this one a name of its "
                "own with --experiment."
            )
        lock = hold(self.dir, f"{str(self.dir)!r} is in use by another sweep.")
        try:
            write_json(path, self.grid.plain())
            yield
        finally:
            lock.release()

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

    def note(self, trial: Trial, **entries: Any) -> None:
        """Note something of a trial."""
        path = self.note_path(trial)
        write_json(path, {"label": trial.label} | read_json(path) | entries)

    def words(self, trial: Trial) -> list[str]:
        """Return what is typed behind ``mlp-lab fit`` to begin a trial, or to go on with it."""
        run = self.run_of(trial)
        if run is not None and run.last_checkpoint.is_file():
            return ["--run_dir", str(run.dir), "--trust"]  # this sweep has written it
        # Where configurations vary, each names an experiment of its own.
        place = (
            [f"--runs_dir={self.dir}"]
            if "config" in self.grid.values
            else [f"--runs_dir={self.dir.parent}", f"--experiment={self.dir.name}"]
        )
        return ["--figures=false", "--onnx=false", *self.grid.words(trial), *place]


class Fit(Protocol):
    """What trains: ``mlp-lab fit`` with some words, in this process."""

    def __call__(self, words: Sequence[str], *, opened: Callable[[Run], None]) -> int:
        """Train; call ``opened`` with the run once it is there."""


def run_trial(sweep: SweepDir, trial: Trial, fit: Fit) -> Outcome:
    """Train a trial in this process, and note what became of it.

    Raises:
        Interrupted: The sweep is to stop; the trial goes on with the next one.
    """
    start = time.monotonic()
    runs: list[Path] = []
    error = ""

    def note_run(run: Run) -> None:
        runs.append(run.dir.absolute())
        sweep.note(trial, run=str(runs[0].relative_to(sweep.dir.absolute())))

    with _into(sweep.log_path(trial)):
        try:
            fit(sweep.words(trial), opened=note_run)
        except MLPLabError as refusal:
            error = str(refusal)
            print(error)
        except Exception as failure:  # a trial may fail in any way, and the others go on
            error = f"{type(failure).__name__}: {first_line(failure)}"
            traceback.print_exc()
    outcome = Outcome(runs[0] if runs else None, error, time.monotonic() - start)
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
