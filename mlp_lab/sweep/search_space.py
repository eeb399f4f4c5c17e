"""What a sweep that searches asks for, read from YAML and checked before anything starts."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.sweep.grid import SEARCH_KEYS, format_typed, refuse_own


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both are whole.

    Attributes:
        low: The lowest.
        high: The highest.
        log: Whether they are drawn on a logarithmic scale.
        step: The distance between them; None for all there are.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers alone."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Part:
    """A sampler or a pruner by its name, not yet made.

    Attributes:
        name: The name of its class in ``optuna.samplers`` or ``optuna.pruners``.
        arguments: What it is made with, plain types and other parts.
    """

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Search:
    """Settings that are drawn by what the ones before have scored.

    Attributes:
        choices: The values of each setting that is chosen from a list, as typed.
        ranges: The range of each setting that is a number.
        trials: How many settings are tried.
        sampler: What draws them; None for Optuna's default.
        pruner: What gives them up early; None for nothing.
    """

    choices: dict[str, list[str]]
    ranges: dict[str, Range]
    trials: int
    sampler: Part | None = None
    pruner: Part | None = None

    def plain(self) -> dict[str, Any]:
        """Return what is searched in plain types; it may go on with another pruner, say."""
        return {**self.choices, **{key: asdict(entry) for key, entry in self.ranges.items()}}

    def corners(self) -> dict[str, list[str]]:
        """Return the ends of each range and all choices, as typed: the values to be checked."""
        ends = {k: [format_typed(r.low), format_typed(r.high)] for k, r in self.ranges.items()}
        return self.choices | ends


def read_search(
    content: Mapping[str, Any], chosen: Mapping[str, list[str]], trials: int | None
) -> Search | None:
    """Check what a sweep's file sets for a search.

    Args:
        content: The file's content.
        chosen: The values of settings that are listed elsewhere, and chosen from too.
        trials: How many settings to try, where that is typed; it wins.

    Returns:
        The search; None where there is none.

    Raises:
        ConfigError: Something cannot be searched.
    """
    trials = content.get("trials") if trials is None else trials
    if "search" not in content:
        for key in ("trials", "sampler", "pruner"):
            if key in content or (key == "trials" and trials is not None):
                raise ConfigError(f"{key} is for a search; the sweep's file has no search.")
        return None
    space = content["search"]
    if not isinstance(space, Mapping) or not space:
        raise ConfigError(
            f"search is {space!r}; write settings with their ranges, such as "
            "model.optimizer.lr: {low: 1.0e-4, high: 0.1, log: true}."
        )
    if trials is None:
        raise ConfigError("search needs trials, the number of settings to try; write --trials 60.")
    if type(trials) is not int or trials < 1:
        raise ConfigError(f"trials is {trials!r}; it must be a whole number, at least 1.")
    choices, ranges = dict(chosen), {}
    for key, entry in space.items():
        refuse_own(str(key))
        if key in choices:
            raise ConfigError(f"{key} stands in set and in search; leave one of the two out.")
        if isinstance(entry, list):
            if not entry:
                raise ConfigError(
                    f"search {key} is an empty list; write the values to choose from."
                )
            choices[str(key)] = [format_typed(value) for value in entry]
        else:
            ranges[str(key)] = _read_range(f"search {key}", entry)
    parts = {name: _read_part(name, content[name]) for name in SEARCH_KEYS[2:] if name in content}
    return Search(choices, ranges, trials, **parts)


def _read_range(name: str, entry: object) -> Range:
    known = [field.name for field in fields(Range)]
    if not isinstance(entry, Mapping) or not {"low", "high"} <= {*entry}:
        raise ConfigError(f"{name} is {entry!r}; write a list, or {{low: LOWEST, high: HIGHEST}}.")
    for key, value in entry.items():
        if key not in known:
            raise ConfigError(f"{name} has no {key!r}. {did_you_mean(str(key), known)}")
        if key == "log":
            if type(value) is not bool:
                raise ConfigError(f"{name}: log is {value!r}; it must be true or false.")
        elif type(value) not in (int, float) or not math.isfinite(value):
            hint = " In YAML a number needs a point: 1.0e-5." if isinstance(value, str) else ""
            raise ConfigError(f"{name}: {key} is {value!r}; it must be a number.{hint}")
    result = Range(**entry)
    if not result.low < result.high:
        raise ConfigError(f"{name} is empty: low {result.low} is not below high {result.high}.")
    if result.log and result.low <= 0:
        raise ConfigError(f"{name}: low is {result.low}; with log it must be above 0.")
    if result.step is not None:
        if result.log:
            raise ConfigError(f"{name} has both log and step; leave one of the two out.")
        if not 0 < result.step <= result.high - result.low:
            raise ConfigError(f"{name}: step is {result.step}; it must fit between low and high.")
        if result.is_whole and not isinstance(result.step, int):
            raise ConfigError(f"{name}: step is {result.step}; of whole numbers it must be whole.")
    return result


def _read_part(kind: str, entry: object) -> Part:
    """Read ``NAME`` or ``{class_path: NAME, init_args: ...}``."""
    spec: Any = {"class_path": entry} if isinstance(entry, str) else entry
    is_spec = isinstance(spec, Mapping) and {*spec} <= {"class_path", "init_args"}
    if not is_spec or not isinstance(spec.get("class_path"), str):
        raise ConfigError(
            f"{kind} is {entry!r}; write class_path: optuna.{kind}s.NAME, and init_args below it."
        )
    path = spec["class_path"]
    module, _, name = path.rpartition(".")
    if module not in ("", f"optuna.{kind}s"):
        raise ConfigError(f"{kind} is {path!r}; it must be a class of optuna.{kind}s.")
    arguments = spec.get("init_args") or {}
    if not isinstance(arguments, Mapping):
        raise ConfigError(f"{kind}: init_args is {arguments!r}; write NAME: VALUE.")
    inner = {
        str(key): _read_part(kind, value) if _is_part(value) else value
        for key, value in arguments.items()
    }
    return Part(name, inner)


def _is_part(value: object) -> bool:
    return isinstance(value, Mapping) and "class_path" in value
