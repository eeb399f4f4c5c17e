"""Settings that tell runs apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.report.formatting import format_value
from mlp_lab.report.run_summary import RATE_KEY, RunSummary
from mlp_lab.settings import find_setting

_CLASS = ".class_path"


def effective_settings(summary: RunSummary) -> dict[str, Any]:
    """Return the settings of a run that can change its result, by dotted key.

    A learning rate that a search has put another one in place of is none.
    """
    processes = summary.manifest.get("processes", 1)
    shared = {} if processes == 1 else {"processes": processes}
    replaced = RATE_KEY if summary.found_rate is not None else None
    return shared | {
        key: value
        for key, value in summary.flat_config.items()
        if key != replaced
        and "comparison" in (setting := find_setting(key)).changes
        and value is not None
        and value != setting.absent
    }


def differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings with more than one value, without those that follow from a class.

    Momentum, which Adam does not know, does not differ from SGD's: the optimiser does.
    """
    keys = list(dict.fromkeys(key for config in configs for key in config))
    classes = [key for key in keys if key.endswith(_CLASS)]
    differing = []
    for key in keys:
        having = [config for config in configs if key in config]
        lacking = [config for config in configs if key not in config]
        follows = any(
            key != name
            and key.startswith(name.removesuffix("class_path"))
            and {c.get(name) for c in having}.isdisjoint(c.get(name) for c in lacking)
            for name in classes
        )
        if len({format_value(c[key]) for c in having}) > 1 or (lacking and not follows):
            differing.append(key)
    return differing


def last_part(key: str) -> str:
    """Return the last part of a dotted key; of a class path the part that the class is for."""
    return key.removesuffix(_CLASS).rpartition(".")[2]
