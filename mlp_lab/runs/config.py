"""A configuration as plain types: read from a file, and named by dotted keys. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_yaml import load_yaml


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration; the parser would not say which file is wrong, or where.

    Raises:
        ConfigError: It cannot be read, or holds something else than settings.
    """
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
