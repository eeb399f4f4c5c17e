"""Samplers and pruners of Optuna, made of plain data."""

from typing import Any, Literal

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.sweep.search_space import Part, Search

_ENDS = "it ends a study by itself; list the values under set, and leave search out"
_REFUSED = {
    "BruteForceSampler": _ENDS,
    "GridSampler": _ENDS,
    "CmaEsSampler": "it unpickles what it finds in the study, which could run anything",
}


def make_part(kind: Literal["sampler", "pruner"], part: Part | None) -> Any:
    """Make a sampler or a pruner of Optuna; None for none.

    Raises:
        ConfigError: There is none of this name, or it cannot be made so.
    """
    if part is None:
        return None
    import optuna

    if part.name in _REFUSED:
        raise ConfigError(f"{kind} {part.name} cannot be used here: {_REFUSED[part.name]}.")
    module = getattr(optuna, f"{kind}s")
    base = getattr(module, f"Base{kind.capitalize()}")
    known = {
        name: made
        for name in module.__all__
        if isinstance(made := getattr(module, name), type)
        and issubclass(made, base)
        and not name.startswith("Base")
        and name not in _REFUSED
    }
    if part.name not in known:
        raise ConfigError(f"There is no {kind} {part.name!r}. {did_you_mean(part.name, known)}")
    arguments = {
        key: make_part(kind, value) if isinstance(value, Part) else value
        for key, value in part.arguments.items()
    }
    try:
        return known[part.name](**arguments)
    except (TypeError, ValueError, ImportError) as error:
        raise ConfigError(f"{kind} {part.name} cannot be made: {error}") from error


def check_parts(search: Search) -> None:
    """Refuse a sampler and a pruner that cannot be made.

    Raises:
        ConfigError: One cannot.
    """
    make_part("sampler", search.sampler)
    make_part("pruner", search.pruner)
