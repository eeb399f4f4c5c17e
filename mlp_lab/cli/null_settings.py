"""Settings that are null where they cannot be: of a file the parser lets null through anywhere."""

import inspect
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_type_hints

from jsonargparse import Namespace

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import loaded_class


def refuse_nulls(key: str, value: object, kind: type | None = None) -> None:
    """Refuse null for an argument whose type is another one, however deep it lies.

    Args:
        key: The setting, with its dots.
        value: What it was parsed to.
        kind: The class whose arguments the value holds; by default the one that it names.

    Raises:
        ConfigError: One is null.
    """
    if isinstance(value, list):
        for item in value:
            refuse_nulls(key, item)
    if not isinstance(value, Namespace):
        return
    settings = vars(value)
    if kind is None:
        kind = loaded_class(str(settings.get("class_path")))
        arguments = settings.get("init_args")
        settings = vars(arguments) if isinstance(arguments, Namespace) else {}
    can_be = {} if kind is None else _take_null(kind)
    for name, setting in settings.items():
        if setting is None and not can_be.get(name, True):
            raise ConfigError(f"{key}.{name} is null; leave it out for its default.")
        refuse_nulls(f"{key}.{name}", setting)


def _take_null(kind: type) -> Mapping[str, bool]:
    """Return whether each argument of a class, as far as its type is known, can be None."""
    try:
        hints: dict[str, Any] = get_type_hints(kind.__init__)  # type: ignore[misc]  # of that very class
    except (NameError, TypeError):  # a type that is imported for a type checker alone
        return {}
    return {
        name: hints[name] is Any
        or NoneType in get_args(hints[name])
        # Older code has None for a default alone. Without any, the parser refuses or links it.
        or parameter.default is None
        or parameter.default is parameter.empty
        for name, parameter in inspect.signature(kind).parameters.items()
        if name in hints
    }
