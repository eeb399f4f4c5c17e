"""A run directory: its paths, its manifest, its checkpoints. Imports no torch."""

import contextlib
import itertools
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import BaseFileLock

from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError
from mlp_lab.files.atomic import write_json
from mlp_lab.files.lock import hold

Status = Literal["running", "incomplete", "finished", "interrupted", "failed", "pruned"]
"""How a run stands; ``incomplete`` is one that was trained, and lacks some of its results;
``pruned`` one that a search has given up."""

_CHECKPOINTS = "checkpoints"
_CONFIG = "config.yaml"


@dataclass(frozen=True)
class Run:
    """One training and everything it left behind, below ``dir``."""

    dir: Path

    @classmethod
    def create(
        cls, runs_dir: Path, experiment: str, config: str, manifest: Mapping[str, object]
    ) -> "Run":
        """Make the directory ``runs_dir/experiment/version_<n>`` with the next free number.

        It appears at once with its config.yaml and manifest.json, which claims it: two runs that
        start together get two numbers, and a run that is killed at once can still be resumed.

        Raises:
            ConfigError: The experiment's name is no plain name, or nothing can be made there.
        """
        check_experiment(experiment)
        try:
            return cls._claim(runs_dir / experiment, config, manifest)
        except OSError as error:
            reason = str(error.strerror or error).rstrip(".")
            raise ConfigError(
                f"No run directory can be made below runs_dir {str(runs_dir)!r}: {reason}. "
                "Point --runs_dir at a directory that can be written."
            ) from error

    @classmethod
    def _claim(cls, parent: Path, config: str, manifest: Mapping[str, object]) -> "Run":
        draft = parent / f".version.{os.getpid()}.{threading.get_ident()}.part"
        draft.mkdir(parents=True)
        try:
            cls(draft).config_path.write_text(config, encoding="utf-8")
            cls(draft).update_manifest(**manifest)
            for directory in _next_dirs(parent, "version"):
                try:
                    return cls(draft.rename(directory))
                except OSError:
                    if not directory.exists():  # else somebody was quicker
                        raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        raise AssertionError("numbers do not end")

    @classmethod
    def open(cls, directory: Path) -> "Run":
        """Take an existing run.

        Raises:
            RunNotFoundError: The directory holds no run.
        """
        run = cls(directory)
        if not run.config_path.is_file():
            below = sorted(str(path.parent) for path in directory.glob("**/version_*/config.yaml"))
            example = (below or ["runs/base/version_0"])[0]
            raise RunNotFoundError(
                f"run_dir {str(directory)!r} holds no run: there is no config.yaml in it. "
                f"Give the directory that fit printed, such as {example}."
            )
        return run

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> "Run | None":
        """Return the run that a checkpoint lies in, if it still does."""
        directory = checkpoint.absolute().parent
        run = cls(directory.parent)
        return run if directory.name == _CHECKPOINTS and run.config_path.is_file() else None

    @classmethod
    def newest_finished(cls, runs_dir: Path) -> "Run":
        """Return the finished run that ended last.

        Raises:
            RunNotFoundError: There is none.
        """
        # The runs of a sweep over configurations lie a directory deeper.
        runs = [cls(path.parent) for path in sorted(runs_dir.glob("**/version_*/manifest.json"))]
        finished = [
            (str(manifest.get("end")), run)
            for run in runs
            if (manifest := run.read_manifest()).get("status") == "finished"
            and run.best_checkpoint.is_file()  # an overfit check has none
        ]
        if not finished:
            raise RunNotFoundError(
                f"No finished run below runs_dir {str(runs_dir)!r}. "
                "Train one with mlp-lab fit, or give --ckpt_path or --run_dir."
            )
        return max(finished, key=lambda pair: pair[0])[1]

    def lock(self) -> BaseFileLock:
        """Keep the run for this process.

        Returns:
            A lock to be released; it is free when the process ends, however that comes.

        Raises:
            InUseError: Another process trains it.
        """
        return hold(self.dir, f"run_dir {str(self.dir)!r} is in use by another fit.")

    def discard(self) -> None:
        """Remove the run, and the directories above it that hold nothing else."""
        shutil.rmtree(self.dir)
        with contextlib.suppress(OSError):  # other runs are there
            self.dir.parent.rmdir()
            self.dir.parent.parent.rmdir()

    @property
    def experiment(self) -> str:
        """Name of the experiment."""
        return self.dir.absolute().parent.name

    @property
    def name(self) -> str:
        """Experiment and number."""
        return f"{self.experiment}/{self.dir.name}"

    @property
    def config_path(self) -> Path:
        """The full configuration."""
        return self.dir / _CONFIG

    @property
    def manifest_path(self) -> Path:
        """Where the run came from and how it ended."""
        return self.dir / "manifest.json"

    @property
    def step_metrics_path(self) -> Path:
        """Every logged step and epoch."""
        return self.dir / "metrics.csv"

    @property
    def metrics_path(self) -> Path:
        """The final figures."""
        return self.dir / "metrics.json"

    @property
    def validation_outputs_path(self) -> Path:
        """What the best checkpoint predicts for the fold that validated."""
        return self.dir / "validation_outputs.npz"

    @property
    def test_outputs_path(self) -> Path:
        """What the net answered to each test sample."""
        return self.dir / "test_outputs.npz"

    @property
    def test_samples_path(self) -> Path:
        """Some samples of the test set."""
        return self.dir / "test_samples.npz"

    @property
    def model_path(self) -> Path:
        """The best checkpoint, exported."""
        return self.dir / "model.onnx"

    @property
    def checkpoints_dir(self) -> Path:
        """Directory of the checkpoints."""
        return self.dir / _CHECKPOINTS

    @property
    def best_checkpoint(self) -> Path:
        """The epoch of the best score."""
        return self.checkpoints_dir / "best.ckpt"

    @property
    def last_checkpoint(self) -> Path:
        """The last completed epoch."""
        return self.checkpoints_dir / "last.ckpt"

    def find_checkpoint(self, kind: Literal["best", "last"]) -> Path:
        """Return the best or the last checkpoint.

        Raises:
            RunNotFoundError: The run has none yet.
        """
        path = self.best_checkpoint if kind == "best" else self.last_checkpoint
        if not path.is_file():
            if verdict := self.read_manifest().get("overfit_check"):
                raise RunNotFoundError(
                    f"The run {str(self.dir)!r} has no {path.name}: {verdict}. "
                    "A check is not kept; train without --trainer.overfit_batches."
                )
            raise RunNotFoundError(
                f"The run {str(self.dir)!r} has no {path.name}. "
                f"Train it first: mlp-lab fit --run_dir {self.dir}"
            )
        return path

    def is_outdated(self, path: Path) -> bool:
        """Whether a file is there and older than the best checkpoint."""
        best = self.best_checkpoint
        both = path.is_file() and best.is_file()
        return both and path.stat().st_mtime < best.stat().st_mtime

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest, empty where there is none."""
        return read_json(self.manifest_path)

    def update_manifest(self, **entries: object) -> None:
        """Replace some entries of the manifest."""
        write_json(self.manifest_path, self.read_manifest() | entries)

    def end(self, status: Status, **entries: object) -> None:
        """Note how and when the run ended, and what else is known by then."""
        self.update_manifest(status=status, end=now(), **entries)

    def next_test_dir(self) -> Path:
        """Make the directory for a test or prediction with other data or another model."""
        for directory in _next_dirs(self.dir, "test"):
            with contextlib.suppress(FileExistsError):  # somebody was quicker
                directory.mkdir()
                return directory
        raise AssertionError("numbers do not end")


def check_experiment(name: str) -> None:
    """Refuse a name that is no plain one.

    Raises:
        ConfigError: It is a path, or nothing.
    """
    is_text = name.isprintable()  # no half of a character either, nor what a terminal obeys
    if Path(name).name != name or name in ("", ".", "..") or not is_text:
        raise ConfigError(
            f"experiment is {name!r}; it names a directory, so it must be one plain name."
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, empty where there is no file.

    Raises:
        ChecksumError: The file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ChecksumError(f"{str(path)!r} is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise ChecksumError(f"{str(path)!r} is damaged: it holds no JSON object.")
    return content


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the microsecond, so that it sorts."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _next_dirs(parent: Path, stem: str) -> Iterator[Path]:
    """Yield ``parent/stem_<n>`` from the smallest n above all that are there."""
    number_of = re.compile(rf"{stem}_(\d+)")
    taken = [int(m[1]) for p in parent.iterdir() if (m := number_of.fullmatch(p.name))]
    for number in itertools.count(max(taken, default=-1) + 1):
        yield parent / f"{stem}_{number}"
