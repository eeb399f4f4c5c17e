"""Classes of the user's own, in modules beside a configuration or in the working directory."""

import contextlib
import importlib
import importlib.util
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from mlp_lab.errors import ConfigError, did_you_mean
from mlp_lab.settings import SETTINGS

_CONFIG_SUFFIXES = (".yaml", ".yml", ".json")


# By their last part: an own class may take another, such as model.net.net.
_CLASS_SETTINGS = {key.rpartition(".")[2] for key, s in SETTINGS.items() if s.names_class}


def import_own_classes(config: Mapping[str, Any], directories: Sequence[Path]) -> dict[str, str]:
    """Import what a configuration names that is not installed, and check that it is there.

    The directories are searched last, and only for this: a file in them that is called like an
    installed package changes nothing. What was imported stays known to the parser.

    Args:
        config: Settings, nested or by dotted key.
        directories: Where modules may lie, the first one first.

    Returns:
        The file of each module by the module's name.

    Raises:
        ConfigError: A module or a class is not there, or the module cannot be imported.
    """
    files: dict[str, str] = {}
    for key, name in class_names(config):
        module_name, _, attribute = name.rpartition(".")
        package = module_name.partition(".")[0]
        if _is_installed(package, directories):
            continue
        module = _import(key, name, module_name, directories)
        if not hasattr(module, attribute):
            own = [
                n for n, v in vars(module).items() if getattr(v, "__module__", "") == module_name
            ]
            raise ConfigError(
                f"{key} names {name!r}, but {module.__file__} has no {attribute!r}. "
                f"{did_you_mean(attribute, own) if own else ''}".rstrip()
            )
        if module.__file__ is not None:
            files[module_name] = module.__file__
    return files


def class_names(config: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each path of a class that a configuration names, with the setting that names it.

    Example:
        >>> [*class_names({"model": {"net": {"class_path": "my_net.Wide"}}, "experiment": "a.b"})]
        [('model.net', 'my_net.Wide')]
    """
    match config:
        case Mapping():
            for name, value in config.items():
                inner = "" if name in ("class_path", "init_args") else str(name).rstrip("+")
                yield from class_names(value, ".".join(filter(None, (key, inner))))
        case list():
            for value in config:
                yield from class_names(value, key)
        case str() if _names_class(key) and _is_class_path(config):
            yield key, config


def typed_settings(flags: Sequence[str]) -> dict[str, Any]:
    """Return the flags of a command line by dotted key; the last of a key counts.

    Example:
        >>> typed_settings(["--model.net", "my_net.Wide", "--data.batch_size=8", "--trust"])
        {'model.net': 'my_net.Wide', 'data.batch_size': 8}
    """
    settings: dict[str, Any] = {}
    for word, following in itertools.pairwise([*flags, "--"]):
        key, equals, value = word.partition("=")
        if not equals and not following.startswith("--"):
            equals, value = "=", following
        if key.startswith("--") and equals:
            with contextlib.suppress(yaml.YAMLError):  # the parser explains it
                key = key[2:].rstrip("+")
                settings[key.replace(".init_args", "").removesuffix(".class_path")] = (
                    yaml.safe_load(value)
                )
    return settings


def _names_class(key: str) -> bool:
    return key.rpartition(".")[2] in _CLASS_SETTINGS


def _is_class_path(text: str) -> bool:
    parts = text.split(".")
    is_dotted = len(parts) > 1 and all(part.isidentifier() for part in parts)
    return is_dotted and not text.endswith(_CONFIG_SUFFIXES)


def _is_installed(package: str, directories: Sequence[Path]) -> bool:
    """Whether a package is found without the directories; this one is nobody's own."""
    if package == __name__.partition(".")[0]:
        return True
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # of __main__
        return True
    if spec is None:
        return False
    places = [spec.origin, *(spec.submodule_search_locations or [])]
    mine = {directory.resolve() for directory in directories}
    return not any(place and Path(place).resolve().parent in mine for place in places)


def _import(key: str, name: str, module_name: str, directories: Sequence[Path]) -> ModuleType:
    with _searched_last(directories):
        package = module_name.partition(".")[0]
        if importlib.util.find_spec(package) is None:
            places = " or ".join(repr(str(directory)) for directory in directories)
            raise ConfigError(
                f"{key} names {name!r}, but there is no module {package!r} in {places}, and none "
                "is installed."
            )
        try:
            return importlib.import_module(module_name)
        except Exception as error:  # a module may fail in any way
            raise ConfigError(
                f"{key} names {name!r}, but {module_name} cannot be imported: "
                f"{type(error).__name__}: {error}."
            ) from error


@contextlib.contextmanager
def _searched_last(directories: Sequence[Path]) -> Iterator[None]:
    """Let imports search the directories too, after everything that is installed."""
    added = [str(directory) for directory in directories]
    sys.path.extend(added)
    importlib.invalidate_caches()  # a file may have been written a moment ago
    try:
        yield
    finally:
        for entry in added:
            with contextlib.suppress(ValueError):  # the module may have changed the path
                del sys.path[len(sys.path) - 1 - sys.path[::-1].index(entry)]
