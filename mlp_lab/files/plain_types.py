"""Describe objects in plain types: the class path, and the arguments that rebuild them."""

import inspect
import sys
from collections.abc import Collection
from typing import Any

from mlp_lab.errors import ConfigError

_PACKAGE = "mlp_lab"


def class_path(cls: type) -> str:
    """Return the import path of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def loaded_class(path: str) -> type | None:
    """Return the class that a path names, if its module is loaded and holds it under that name.

    Nothing is imported, and no attribute is walked beyond the module's own names.

    Example:
        >>> loaded_class("mlp_lab.errors.ConfigError")
        <class 'mlp_lab.errors.ConfigError'>
        >>> loaded_class("mlp_lab.cli.main.os.system")
    """
    module, _, name = path.rpartition(".")
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return found if isinstance(found, type) else None


def own_subclasses(base: type) -> frozenset[type]:
    """Return the subclasses of a class that this package defines and that are not abstract."""
    found: set[type] = set()
    cls: type
    for cls in type.__subclasses__(base):
        if cls.__module__.partition(".")[0] == _PACKAGE and not inspect.isabstract(cls):
            found.add(cls)
        found |= own_subclasses(cls)
    return frozenset(found)


def describe(described: object, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """Return class path and arguments of an object that keeps its arguments under their own names.

    Args:
        described: The object.
        leave_out: Arguments that come from elsewhere when it is rebuilt.

    Raises:
        ConfigError: It does not keep one of them.

    Example:
        >>> from mlp_lab.tasks.schedule import Linear
        >>> describe(Linear(final=0.1))["init_args"]
        {'final': 0.1, 'by': 'step', 'warmup_epochs': 0.0}
    """
    own = [name for name in inspect.signature(type(described)).parameters if name not in leave_out]
    for name in own:
        if not hasattr(described, name):
            raise ConfigError(
                f"{type(described).__name__} does not keep its argument {name!r}, which a "
                f"checkpoint needs to rebuild it: write self.{name} = {name} in its __init__."
            )
    return {
        "class_path": class_path(type(described)),
        "init_args": {name: plain(getattr(described, name)) for name in own},
    }


def plain(value: object) -> object:
    """Turn tuples into lists, which weights-only checkpoints and YAML can both hold."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
