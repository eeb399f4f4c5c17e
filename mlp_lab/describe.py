"""Say an object in plain types: its class and the arguments that make it anew."""

import inspect
from collections.abc import Collection
from typing import Any


def class_path(cls: type) -> str:
    """Return the import path of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def describe(described: object, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """Return class path and arguments of an object that keeps its arguments under their own names.

    Args:
        described: The object.
        leave_out: Arguments that come from elsewhere when it is made anew.

    Example:
        >>> from mlp_lab.tasks.schedule import Linear
        >>> describe(Linear(final=0.1))["init_args"]
        {'final': 0.1, 'by': 'step', 'warmup_epochs': 0.0}
    """
    return {
        "class_path": class_path(type(described)),
        "init_args": {
            name: plain(getattr(described, name))
            for name in inspect.signature(type(described)).parameters
            if name not in leave_out
        },
    }


def plain(value: object) -> object:
    """Turn tuples into lists: what a weights-only checkpoint and YAML can both hold."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
