"""Where a setting comes from: what is typed, and the run that a command works on.

The later wins: the defaults; the run's own configuration, when a run or checkpoint is named and no
``--config`` is typed; typed ``--config`` files; single typed flags, wherever they stand.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlp_lab.cli.parser_errors import name_table
from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError
from mlp_lab.processes.launcher import agree, find_jobs, has_store
from mlp_lab.runs.config import read_config
from mlp_lab.runs.origin import Origin
from mlp_lab.runs.own_classes import import_own_classes, typed_settings
from mlp_lab.runs.own_runs import own_modules_of
from mlp_lab.runs.packaged_configs import find_config, format_config
from mlp_lab.runs.restart import find_begun_run
from mlp_lab.runs.run import Run
from mlp_lab.settings import is_typed

DEFAULT_RUNS_DIR = Path("runs")

ConfiguredCommand = Literal["fit", "validate", "test", "predict", "stats", "prepare", "export"]


@dataclass(frozen=True)
class Invocation:
    """What was typed, and what it starts from, before the parser sees it.

    Attributes:
        configs: Typed configuration files, where they were found.
        flags: All other words.
        origin: The run or checkpoint that the command works on.
        command: The whole command line.
    """

    configs: list[str]
    flags: list[str]
    origin: Origin = field(default_factory=Origin)
    command: Sequence[str] = ()

    @property
    def arguments(self) -> list[str]:
        """The words for the parser, which lets a later one win."""
        base = []
        if self.origin.config and not self.configs:
            base = [json.dumps(self.origin.config)]
        return [*(w for c in [*base, *self.configs] for w in ("--config", c)), *self.flags]

    @property
    def summary(self) -> str:
        """One line: what was taken from where."""
        origin = self.origin
        sources = [*map(format_config, self.configs)] or [origin.config_place or "the defaults"]
        typed = f"; typed: {' '.join(self.flags)}" if self.flags else ""
        start = f"; checkpoint: {origin.checkpoint}" if origin.checkpoint else ""
        return f"settings: {', '.join(sources)}{typed}{start}"

    def is_typed(self, key: str) -> bool:
        """Whether a flag sets ``key``."""
        return is_typed(self.flags, key)


def read_words(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Separate the configurations and the run that are typed from all other words.

    Raises:
        ConfigError: A flag lacks its value.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--ckpt_path")
    parser.add_argument("--run_dir", type=Path)
    parser.add_argument("--trust", action="store_true")
    try:
        return parser.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        raise ConfigError(f"{error}.") from error


def find_run_to_resume(words: Sequence[str]) -> Run | None:
    """Return the run that ``fit`` is to go on with, if nothing else is typed behind it."""
    typed, others = read_words(words)
    if typed.run_dir is None or typed.config or typed.ckpt_path or others:
        return None
    return Run.open(typed.run_dir)


def go_on_after_restart(words: Sequence[str]) -> list[str]:
    """Return the words that go on with the run which ``fit`` with these words began.

    They are the same words, unless a launcher has started this command before, in the same job.
    """
    typed, flags = read_words(words)

    def find() -> str:
        if typed.run_dir or not (jobs := find_jobs()):
            return ""
        contents = [read_config(find_config(path)) for path in typed.config]
        command = ["mlp-lab", *sys.argv[1:]]
        run = find_begun_run(_find_runs_dir(contents, flags), command, jobs)
        return str(run.dir) if run else ""

    if not _starts_from_run("fit", typed, flags):
        return [*words]
    begun = agree(find) if has_store() else find()
    return ["--run_dir", begun, *(["--trust"] if typed.trust else [])] if begun else [*words]


def read_invocation(command: ConfiguredCommand, words: Sequence[str]) -> Invocation:
    """Find out from the command line what run and configuration are meant.

    Raises:
        RunNotFoundError: A named run or checkpoint is not there.
        ConfigError: Flags that contradict each other.
    """
    typed, flags = read_words(words)
    paths = [find_config(path) for path in typed.config]
    contents = [read_config(path) for path in paths]
    directories = _directories(path.parent for path in paths)
    own_modules: dict[str, str] = {}
    settings = typed_settings(flags)
    _refuse_file_as_source(settings)
    for content in (*contents, settings):
        own_modules |= import_own_classes(content, directories)
    origin = Origin(own_modules=own_modules)
    if _starts_from_run(command, typed, flags):
        run, checkpoint = _find_checkpoint(command, typed, _find_runs_dir(contents, flags))
        if run or checkpoint:
            origin = _read_origin(command, typed, run, checkpoint, own_modules)
    return Invocation([str(path) for path in paths], flags, origin, ["mlp-lab", command, *words])


def _refuse_file_as_source(settings: Mapping[str, Any]) -> None:
    """Refuse a table where its class belongs: the parser would read it as a configuration."""
    if isinstance(source := settings.get("data.source"), str):
        from mlp_lab.tables import is_table  # imports numpy

        if is_table(Path(source)):
            raise ConfigError(f"data.source is {source!r}, a file; {name_table(settings)}")


def _starts_from_run(
    command: ConfiguredCommand, typed: argparse.Namespace, flags: Sequence[str]
) -> bool:
    """Whether a run is named, or the newest one is meant: not for help, nor for a look at data."""
    names = {word.split("=")[0] for word in flags}
    if names & {"-h", "--help"}:
        return False
    needs_none = command in ("stats", "prepare", "export") or "--print_config" in names
    return bool(typed.run_dir or typed.ckpt_path) or not needs_none


def _read_origin(
    command: ConfiguredCommand,
    typed: argparse.Namespace,
    run: Run | None,
    checkpoint: Path | None,
    own_modules: dict[str, str],
) -> Origin:
    """Read the configuration of a run or checkpoint, and decide whether it is trusted."""
    config, place = _read_run_config(run, checkpoint)
    resumes = command == "fit" and typed.run_dir is not None
    trusted = True
    if not typed.config:
        modules = own_modules_of(run) if run else None
        if modules is None and typed.trust:
            modules = _modules_in_manifest(run) if run else {}
        if modules is None:
            trusted = False
            _check_untrusted(command, config, place, resumes=resumes)
        else:
            places = _directories(Path(file).parent for file in modules.values())
            own_modules |= import_own_classes(config, places)
    return Origin(run, checkpoint, config, place, resumes, trusted, own_modules)


def _check_untrusted(
    command: ConfiguredCommand, config: dict[str, Any], place: str, *, resumes: bool
) -> None:
    from mlp_lab.cli.untrusted import check_untrusted  # imports torch

    trainer = config.get("trainer")
    if command != "fit" and isinstance(trainer, dict):
        trainer.pop("logger", None)  # nothing is logged
    check_untrusted(config, place, resumes=resumes)


def _modules_in_manifest(run: Run) -> dict[str, str]:
    """Return where a run's own modules were when it was trained."""
    modules = run.read_manifest().get("own_modules", {})
    if not isinstance(modules, dict) or not all(isinstance(f, str) for f in modules.values()):
        raise ChecksumError(f"{str(run.manifest_path)!r} is damaged: own_modules are no files.")
    return modules


def _directories(first: Iterable[Path]) -> list[Path]:
    """Return where the user's own modules may lie, the working directory last."""
    return list(dict.fromkeys(path.absolute() for path in (*first, Path.cwd())))


def _find_runs_dir(contents: Iterable[dict[str, Any]], flags: list[str]) -> Path:
    """Return where to look for runs; the flag stays one of the parser's too."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runs_dir", type=Path)
    typed: Path | None = parser.parse_known_args(flags)[0].runs_dir
    configured = [Path(str(content["runs_dir"])) for content in contents if content.get("runs_dir")]
    return typed or (configured or [DEFAULT_RUNS_DIR])[-1]


def _find_checkpoint(
    command: ConfiguredCommand, typed: argparse.Namespace, runs_dir: Path
) -> tuple[Run | None, Path | None]:
    run = Run.open(typed.run_dir) if typed.run_dir else None
    if typed.ckpt_path and typed.ckpt_path not in ("best", "last"):
        checkpoint = Path(typed.ckpt_path)
        if not checkpoint.is_file():
            raise RunNotFoundError(
                f"ckpt_path {typed.ckpt_path!r} is not there. Checkpoints lie in "
                "<runs_dir>/<experiment>/version_<n>/checkpoints."
            )
        return run or Run.of_checkpoint(checkpoint), checkpoint
    if command == "fit":
        if run is None:
            if typed.ckpt_path:
                raise ConfigError(f"ckpt_path {typed.ckpt_path!r} of which run? Add --run_dir DIR.")
            return None, None
        if typed.ckpt_path == "best":
            raise ConfigError(
                "fit --run_dir goes on from last.ckpt. To begin a new run with the best weights: "
                f"--ckpt_path {run.best_checkpoint}"
            )
        # A run killed before its first checkpoint starts afresh.
        return run, run.last_checkpoint if run.last_checkpoint.is_file() else None
    run = run or Run.newest_finished(runs_dir)
    return run, run.find_checkpoint("last" if typed.ckpt_path == "last" else "best")


def _read_run_config(run: Run | None, checkpoint: Path | None) -> tuple[dict[str, Any], str]:
    """Return the configuration of the run, or of the checkpoint alone, and where it was found."""
    if run is not None:
        return read_config(run.config_path), str(run.config_path)
    assert checkpoint is not None
    from mlp_lab.runs.checkpoint import read_checkpoint  # imports torch

    config = read_checkpoint(checkpoint)["mlp_lab"]["config"]
    return dict(config), str(checkpoint)
