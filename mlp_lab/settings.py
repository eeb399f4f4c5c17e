"""Where a setting comes from: what is typed, and the run that a command works on.

The later wins: the defaults; the run's own configuration, when a run or checkpoint is named and no
``--config`` is typed; typed ``--config`` files; single typed flags, wherever they stand.
"""

import argparse
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError
from mlp_lab.files.plain_yaml import load_yaml
from mlp_lab.run import Run
from mlp_lab.runs.config_files import find_config, format_config
from mlp_lab.runs.own_classes import import_own_classes, typed_settings
from mlp_lab.runs.own_runs import own_modules_of

DEFAULT_RUNS_DIR = Path("runs")

# Settings that change a result; of the trainer's those that no resumed run may change either.
_IMPORTANT = (
    *("data.", "model.", "seed_everything"),
    *("trainer.precision", "trainer.limit_", "trainer.accumulate_grad_batches"),
    *("trainer.gradient_clip_", "trainer.overfit_batches", "trainer.fast_dev_run"),
)
# Settings that say where to read and what for, and do not change a training.
_UNIMPORTANT_IN_TRAINING = (
    *("data.root", "data.download", "data.predict_split", "data.predict_dir"),
)
# Settings that do not change the result of a test or prediction.
_UNIMPORTANT_IN_TEST = (
    *("data.root", "data.download", "data.batch_size", "data.steps_per_execution"),
    "seed_everything",
)

Command = Literal["fit", "validate", "test", "predict", "stats", "prepare", "export"]


@dataclass(frozen=True)
class Settings:
    """What the command line asks for, before the parser sees it.

    Attributes:
        configs: Typed configuration files, where they were found.
        flags: All other words.
        run: The run that the command works on; None for a new one, or a checkpoint without its run.
        checkpoint: The checkpoint to start from.
        run_config: Configuration of the run or the checkpoint.
        run_config_origin: Where that was found.
        resumes: Whether a fit goes on in ``run``.
        own_modules: Files of the modules that classes of the user's own were taken from, by name.
        trusted: Whether all settings are the user's own: typed, or of a run that this user began
            here, or trusted by ``--trust``.
    """

    configs: list[str]
    flags: list[str]
    run: Run | None = None
    checkpoint: Path | None = None
    run_config: dict[str, Any] = field(default_factory=dict)
    run_config_origin: str = ""
    resumes: bool = False
    own_modules: dict[str, str] = field(default_factory=dict)
    trusted: bool = True

    @property
    def arguments(self) -> list[str]:
        """The words for the parser, which lets a later one win."""
        base = []
        if self.run_config and not self.configs:
            base = [json.dumps(self.run_config)]
        return [*(w for c in [*base, *self.configs] for w in ("--config", c)), *self.flags]

    @property
    def origin(self) -> str:
        """One line: what was taken from where."""
        sources = [*map(format_config, self.configs)] or [self.run_config_origin or "the defaults"]
        typed = f"; typed: {' '.join(self.flags)}" if self.flags else ""
        start = f"; checkpoint: {self.checkpoint}" if self.checkpoint else ""
        return f"settings: {', '.join(sources)}{typed}{start}"

    def changed_for_training(self, config: Mapping[str, Any]) -> list[str]:
        """List the settings in ``config`` that would make a resumed run another one."""
        return self._changed(config, _UNIMPORTANT_IN_TRAINING)

    def changed_for_test(self, config: Mapping[str, Any]) -> list[str]:
        """List the settings in ``config`` that give another result than the run's own."""
        return self._changed(config, _UNIMPORTANT_IN_TEST)

    def _changed(self, config: Mapping[str, Any], unimportant: Collection[str]) -> list[str]:
        if not (self.configs or self.flags):
            return []
        ours, runs = flatten(config), flatten(self.run_config)
        return [
            key
            for key in sorted(ours | runs)
            if key.startswith(_IMPORTANT)
            and key not in unimportant
            and ours.get(key) != runs.get(key)
        ]

    def is_typed(self, key: str) -> bool:
        """Whether a flag sets ``key``."""
        return any(word.split("=")[0] == f"--{key}" for word in self.flags)


def read_words(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Tell which configurations and run are typed from all other words.

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


def read_settings(command: Command, words: Sequence[str]) -> Settings:
    """Find out from the command line what run and configuration are meant.

    Raises:
        RunNotFoundError: A named run or checkpoint is not there.
        ConfigError: Flags that contradict each other.
    """
    typed, flags = read_words(words)
    paths = [find_config(path) for path in typed.config]
    configs = [str(path) for path in paths]
    contents = [_read_yaml(path) for path in paths]
    said = [str(content["runs_dir"]) for content in contents if content.get("runs_dir")]
    directories = _directories(path.parent for path in paths)
    own_modules: dict[str, str] = {}
    for content in (*contents, typed_settings(flags)):
        own_modules |= import_own_classes(content, directories)
    new = Settings(configs, flags, own_modules=own_modules)
    asked = {word.split("=")[0] for word in flags}
    names_run = typed.run_dir or typed.ckpt_path
    if {"-h", "--help"} & asked or ("--print_config" in asked and not names_run):
        return new
    if command in ("stats", "prepare") and not names_run:
        return new  # data need no run
    runs_dir = _runs_dir(flags, Path(said[-1]) if said else DEFAULT_RUNS_DIR)
    run, checkpoint = _find_checkpoint(command, typed, runs_dir)
    if run is None and checkpoint is None:
        return new
    config, origin = _read_run_config(run, checkpoint)
    resumes = command == "fit" and typed.run_dir is not None
    trusted = True
    if not typed.config:
        modules = own_modules_of(run) if run else None
        if modules is None and typed.trust:
            modules = _modules_in_manifest(run) if run else {}
        if modules is None:
            trusted = False
            _check_untyped(command, config, origin, resumes=resumes)
        else:
            places = _directories(Path(file).parent for file in modules.values())
            own_modules |= import_own_classes(config, places)
    return Settings(configs, flags, run, checkpoint, config, origin, resumes, own_modules, trusted)


def _check_untyped(command: Command, config: dict[str, Any], origin: str, *, resumes: bool) -> None:
    from mlp_lab.runs.untyped import check_untyped  # imports torch

    trainer = config.get("trainer")
    if command != "fit" and isinstance(trainer, dict):
        trainer.pop("logger", None)  # nothing is logged
    check_untyped(config, origin, resumes=resumes)


def _modules_in_manifest(run: Run) -> dict[str, str]:
    """Return where a run's own modules were when it was trained."""
    modules = run.read_manifest().get("own_modules", {})
    if not isinstance(modules, dict) or not all(isinstance(f, str) for f in modules.values()):
        raise ChecksumError(f"{str(run.manifest_path)!r} is damaged: own_modules are no files.")
    return modules


def _directories(first: Iterable[Path]) -> list[Path]:
    """Return where the user's own modules may lie, the working directory last."""
    return list(dict.fromkeys(path.absolute() for path in (*first, Path.cwd())))


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read settings; the parser would not say which file is wrong, or where."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config {str(path)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"config {str(path)!r} is no text in UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        where = f", line {place.line + 1}, column {place.column + 1}" if place else ""
        raise ConfigError(f"config {str(path)!r} is no YAML{where}: {error.problem}.") from error
    except (ValueError, RecursionError) as error:  # a date that is none, nested without end
        raise ConfigError(f"config {str(path)!r} cannot be read: {error!s}.") from error
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"config {str(path)!r} holds no settings of the form key: value.")
    for key in ("trainer", "data", "model"):
        if key in content and content[key] is None:
            raise ConfigError(
                f"config {str(path)!r}: {key} is null; leave it out for its defaults."
            )
    for key in ("run_dir", "ckpt_path"):
        if key in content:
            raise ConfigError(f"config {str(path)!r} sets {key}; that is typed as --{key}.")
    return content


def _runs_dir(flags: list[str], said: Path) -> Path:
    """Return where to look for runs; the flag stays one of the parser's too."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runs_dir", type=Path, default=said)
    runs_dir: Path = parser.parse_known_args(flags)[0].runs_dir
    return runs_dir


def _find_checkpoint(
    command: Command, typed: argparse.Namespace, runs_dir: Path
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
        return _read_yaml(run.config_path), str(run.config_path)
    assert checkpoint is not None
    from mlp_lab.callbacks.checkpoints import read_checkpoint  # imports torch

    config = read_checkpoint(checkpoint)["mlp_lab"]["config"]
    return dict(config), str(checkpoint)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name each value by its dotted key, as it is typed."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            inner = prefix if key == "init_args" else f"{prefix}{key}."
            flat |= flatten(value, inner)
        else:
            flat[f"{prefix}{key}"] = value
    return flat
