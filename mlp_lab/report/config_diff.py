"""What was asked of runs, and where it differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.report.run_summary import RunSummary
from mlp_lab.settings import find_setting

_CLASS = ".class_path"


def asked(story: RunSummary) -> dict[str, Any]:
    """Return what a setting consists of: what was asked, without what changes nothing."""
    processes = story.manifest.get("processes", 1)
    shared = {} if processes == 1 else {"processes": processes}
    return shared | {
        key: value
        for key, value in story.settings.items()
        if value is not None and "comparison" in find_setting(key).changes
    }


def differing_keys(several: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings with more than one value, without those that follow from a class.

    Momentum, which Adam does not know, does not differ from SGD's: the optimiser does.
    """
    keys = list(dict.fromkeys(key for settings in several for key in settings))
    absent = object()
    differing = []
    for key in keys:
        values = [settings.get(key, absent) for settings in several]
        present = {say(value) for value in values if value is not absent}
        follows = len(present) == 1 and any(
            key.startswith(f"{other.removesuffix(_CLASS)}.")
            for other in keys
            if other.endswith(_CLASS)
        )
        if len(present) > 1 or (absent in values and not follows):
            differing.append(key)
    return differing


def say(value: Any) -> str:
    """Say a value of a configuration shortly, classes by their names.

    Example:
        >>> say({"class_path": "mlp_lab.data.Affine", "init_args": {"degrees": 10.0}})
        'Affine(degrees 10.0)'
        >>> say([200, 100]), say("torch.optim.Adam"), say(None)
        ('200 100', 'Adam', '')
    """
    match value:
        case None:
            return ""
        case {"class_path": str(path)}:
            arguments = value.get("init_args")
            arguments = arguments if isinstance(arguments, dict) else {}
            told = ", ".join(f"{key} {say(v)}" for key, v in arguments.items() if v is not None)
            return f"{say(path)}({told})" if told else say(path)
        case dict():
            return ", ".join(f"{key} {say(item)}" for key, item in value.items())
        case list():
            return " ".join(map(say, value))
        case str() if value.startswith(("mlp_lab.", "torch.")):
            return value.rpartition(".")[2]
        case _:
            return str(value)


def last_word(key: str) -> str:
    """Return the last part of a dotted key, of a class what the class is for."""
    return key.removesuffix(_CLASS).rpartition(".")[2]
