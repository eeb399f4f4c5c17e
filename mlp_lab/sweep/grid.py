"""What a grid asks for: its settings, its seeds, and the trials they make."""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_yaml import load_yaml
from mlp_lab.runs.packaged_configs import find_config

SEARCH_KEYS = ("search", "trials", "sampler", "pruner")
"""The keys of a sweep's file that are about a search."""

CONFIG = "config"
"""The key whose values are configuration files, each a whole experiment of its own."""

# Flags that the sweep sets itself, and those that set them.
_OWN = {
    "seed_everything": "; write --seeds 0,1,2",
    "experiment": "; it is the sweep's name, --experiment",
    "runs_dir": "; write --runs_dir",
    "run_dir": "; each trial has its own",
    "ckpt_path": "; each trial begins anew",
    "data.folds": "; write --folds 5",
    "data.fold": "; write --folds 5, which trains each fold",
}

_LONGEST_NAME = 80
_DIGEST = 8
_OPENING, _CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class Trial:
    """One point of a grid with one seed, and one fold of a cross-validation.

    Attributes:
        point: The value of each varied setting, as typed.
        seed: The seed.
        fold: The fold that validates; None without cross-validation.
    """

    point: dict[str, str]
    seed: int
    fold: int | None = None

    @property
    def key(self) -> str:
        """What its files are called: the same trial in a larger grid has the same key."""
        point = dict(sorted(self.point.items()))  # whatever the order of the flags
        name = re.sub(r"[^\w.=-]+", "_", replace(self, point=point).label)[:_LONGEST_NAME]
        parts = [point, self.seed, *([] if self.fold is None else [self.fold])]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return f"{name}-{digest[:_DIGEST]}"

    @property
    def label(self) -> str:
        """What it is called on the console."""
        fold = "" if self.fold is None else f"fold {self.fold}"
        return "  ".join(filter(None, [self.point_label, f"seed {self.seed}", fold]))

    @property
    def point_label(self) -> str:
        """What its settings are called."""
        return "  ".join(
            Path(value).stem if key == CONFIG else f"{key.rpartition('.')[2]} {value}"
            for key, value in self.point.items()
        )


@dataclass(frozen=True)
class Grid:
    """Every combination of some settings' values, with every seed and fold.

    Attributes:
        configs: Configuration files of all trials.
        flags: Other words of all trials, as typed behind ``mlp-lab fit``.
        values: The values of each varied setting, as typed.
        seeds: The seeds.
        folds: The number of folds of a cross-validation; None without one.
    """

    configs: list[str]
    flags: list[str]
    values: dict[str, list[str]]
    seeds: list[int]
    folds: int | None = None

    def __post_init__(self) -> None:
        """Refuse a grid without a point.

        Raises:
            ConfigError: A setting without a value, or one value twice, or no seed; or something
                that the sweep sets itself.
        """
        for key, values in self.values.items():
            refuse_own(key)
            if not values:
                raise ConfigError(f"set {key} has no value; write --set {key}=first,second.")
            if len({*values}) < len(values):
                raise ConfigError(f"set {key} has a value twice: {', '.join(values)}.")
        for word in self.flags:
            if (key := word.partition("=")[0].removeprefix("--")) in _OWN:
                raise ConfigError(f"{key} cannot be set in a sweep{_OWN[key]}.")
        if not self.seeds:
            raise ConfigError("seeds is empty; write --seeds 0,1,2.")
        if len({*self.seeds}) < len(self.seeds):
            raise ConfigError(f"seeds has a seed twice: {', '.join(map(str, self.seeds))}.")
        if self.folds is not None and self.folds < 2:
            raise ConfigError(f"folds is {self.folds}; it must be at least 2.")

    @property
    def trials_of_a_point(self) -> int:
        """How often each point is trained: with every seed and fold."""
        return len(self.seeds) * (self.folds or 1)

    @property
    def num_trials(self) -> int:
        """How many trials there are, without making them."""
        return self.trials_of_a_point * math.prod(map(len, self.values.values()))

    def trials(self) -> Iterator[Trial]:
        """Yield the trials, all seeds of a point together, and all folds of a seed."""
        for point in itertools.product(*self.values.values()):
            yield from self.trials_of(dict(zip(self.values, point, strict=True)))

    def trials_of(self, point: dict[str, str]) -> Iterator[Trial]:
        """Yield the trials of a point."""
        folds = [None] if self.folds is None else range(self.folds)
        for seed, fold in itertools.product(self.seeds, folds):
            yield Trial(point, seed, fold)

    def words(self, trial: Trial) -> list[str]:
        """Return what is typed behind ``mlp-lab fit`` for a trial."""
        own = [trial.point[CONFIG]] if CONFIG in trial.point else []
        configs = [word for path in [*self.configs, *own] for word in ("--config", path)]
        settings = [f"--{key}={v}" for key, v in trial.point.items() if key != CONFIG]
        settings.append(f"--seed_everything={trial.seed}")
        if trial.fold is not None:
            settings += [f"--data.folds={self.folds}", f"--data.fold={trial.fold}"]
        return [*configs, *self.flags, *settings]

    def plain(self) -> dict[str, Any]:
        """Return it in plain types."""
        return {
            "config": self.configs,
            "flags": self.flags,
            "set": self.values,
            "seeds": self.seeds,
            "folds": self.folds,
            "content": {name: _digest(name) for name in self.files()},
        }

    def continues(self, before: Mapping[str, Any]) -> list[str]:
        """Return what keeps this grid from going on with one before; it may have more trials."""
        fixed = ("config", "flags", "folds")
        different = [key for key in fixed if self.plain()[key] != before.get(key)]
        values = before.get("set", {})
        if values.keys() != self.values.keys() or any(
            not {*values[key]} <= {*ours} for key, ours in self.values.items()
        ):
            different.append("set")
        if not {*before.get("seeds", [])} <= {*self.seeds}:
            different.append("seeds")
        content = self.plain()["content"]
        different += [k for k, v in before.get("content", {}).items() if content.get(k) != v]
        return different

    def files(self) -> list[str]:
        """Return the configuration files of all trials, as typed."""
        return [*self.configs, *self.values.get(CONFIG, [])]


def refuse_own(key: str) -> None:
    """Refuse to vary what the sweep sets itself.

    Raises:
        ConfigError: It does.
    """
    if key in _OWN:
        raise ConfigError(f"set {key} cannot be varied here{_OWN[key]}.")


def _digest(path: str) -> str:
    """Return the hash of what a configuration file holds, without its comments."""
    try:
        content = load_yaml(find_config(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""  # a fit names what is wrong with it
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def split_values(text: str) -> list[str]:
    """Split at the commas outside brackets and quotes.

    Example:
        >>> split_values("[200,100],[50]"), split_values("0.1,0.01"), split_values("")
        (['[200,100]', '[50]'], ['0.1', '0.01'], [])
    """
    values = [""]
    depth, quote = 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in _OPENING) - (letter in _CLOSING)
            if letter == "," and depth == 0:
                values.append("")
                continue
        values[-1] += letter
    return [value.strip() for value in values if value.strip()]


def parse_setting(text: str) -> tuple[str, list[str]]:
    """Read ``KEY=FIRST,SECOND``.

    Raises:
        ConfigError: There is no ``=``.
    """
    key, found, values = text.partition("=")
    if not found or not key:
        raise ConfigError(f"set is {text!r}; write --set KEY=FIRST,SECOND.")
    return key.removeprefix("--"), split_values(values)


def parse_seeds(text: str) -> list[int]:
    """Read ``0,1,2``.

    Raises:
        ConfigError: Something else than whole numbers.
    """
    try:
        return [int(value) for value in split_values(text)]
    except ValueError as error:
        raise ConfigError(f"seeds is {text!r}; write whole numbers, as in 0,1,2.") from error


def read_grid(path: Path) -> dict[str, Any]:
    """Read a sweep from YAML: ``config``, ``seeds``, ``folds``, ``set`` and ``flags``, or some.

    What a search adds is left for ``read_search``.

    Raises:
        ConfigError: It cannot be read, or holds something else.
    """
    try:
        content = load_yaml(find_config(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"grid {str(path)!r} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"grid {str(path)!r} is no YAML.") from error
    allowed = ("config", "flags", "set", "seeds", "folds", *SEARCH_KEYS)
    if not isinstance(content, dict) or not {*content} <= {*allowed}:
        raise ConfigError(f"grid {str(path)!r} must hold some of {', '.join(allowed)} alone.")
    kinds = {"config": list, "flags": list, "set": Mapping, "seeds": list}
    for key, value in content.items():
        if not isinstance(value, kinds.get(key, object)):
            raise ConfigError(f"grid {str(path)!r}: {key} is {value!r}.")
    chosen = content.get("set", {})
    if not all(isinstance(values, list) for values in chosen.values()):
        raise ConfigError(f"grid {str(path)!r}: each key of set needs a list of values.")
    if not all(type(seed) is int for seed in content.get("seeds", [])):
        raise ConfigError(f"grid {str(path)!r}: seeds must be whole numbers.")
    if type(content.get("folds", 2)) is not int:
        raise ConfigError(
            f"grid {str(path)!r}: folds is {content['folds']!r}; it must be a whole number."
        )
    return {
        "config": [str(name) for name in content.get("config", [])],
        "flags": [str(word) for word in content.get("flags", [])],
        "set": {str(key): [format_typed(v) for v in values] for key, values in chosen.items()},
        "seeds": content.get("seeds", []),
        "folds": content.get("folds"),
        **{key: content[key] for key in SEARCH_KEYS if key in content},
    }


def format_typed(value: object) -> str:
    """Say a value of a YAML file as it would be typed.

    Example:
        >>> format_typed([200, 100]), format_typed("SGD"), format_typed(True), format_typed(None)
        ('[200, 100]', 'SGD', 'true', 'null')
    """
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
