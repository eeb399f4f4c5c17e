"""What a configuration may hold that nobody typed: that of a run or a checkpoint is data.

Each setting that names a class has a list of the classes it may name; all other values are plain
ones of the setting's type. Nothing is imported, and no text is read as anything but text.
"""

import collections.abc
import inspect
import pathlib
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import callbacks
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import StrategyRegistry
from torch import nn
from torch.nn.modules import loss as losses

from mlp_lab.callbacks import LearningRateSearch, SWAWeightAveraging
from mlp_lab.data import Augmentation, LabDataModule, Source
from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import loaded_class, own_subclasses
from mlp_lab.loggers import MLflowTracker, NeptuneLogger, WandbTracker
from mlp_lab.nets import Net
from mlp_lab.settings import find_setting
from mlp_lab.tasks import Schedule, Task

# The settings beside trainer, model and data.
_OTHERS: dict[str, Any] = {
    "seed_everything": bool | int,
    "experiment": str | None,
    "runs_dir": pathlib.Path,
    "init_from": pathlib.Path | None,
    "threads": int | None,
    "figures": bool,
    "onnx": bool,
}
_CALLBACKS = frozenset(
    {
        LearningRateSearch,
        SWAWeightAveraging,
        callbacks.DeviceStatsMonitor,
        callbacks.EMAWeightAveraging,
        callbacks.EarlyStopping,
        callbacks.GradientAccumulationScheduler,
        callbacks.LearningRateMonitor,
        callbacks.ModelCheckpoint,
        callbacks.ModelSummary,
        callbacks.RichModelSummary,
        callbacks.StochasticWeightAveraging,
        callbacks.TQDMProgressBar,
        callbacks.Timer,
    }
)
_LOGGERS = frozenset({MLflowTracker, NeptuneLogger, WandbTracker})
# Where a callback or logger writes or sends to; a resumed run would.
_PLACES = frozenset({"dirpath", "tracking_uri", "project", "entity"})
_MOST_VALUES = 5000
# Names that stand for an object which the trainer makes.
_REGISTRIES: Mapping[str, Callable[[], Iterable[str]]] = {
    "strategy": lambda: ("auto", *StrategyRegistry.available_strategies()),
    "accelerator": lambda: ("auto", "gpu", *AcceleratorRegistry.available_accelerators()),
}
# Types whose values are written as text.
_TEXTS = (str, pathlib.Path, timedelta, torch.device)
_LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
_DICTS = (dict, collections.abc.Mapping)

_repr = reprlib.Repr()  # short, however long or deep a value is
_repr.maxstring = _repr.maxother = 100
_short = _repr.repr


def check_untrusted(config: Mapping[str, Any], origin: str, *, resumes: bool) -> None:
    """Refuse a configuration that asks for more than it may.

    Args:
        config: Settings in plain types, as config.yaml and a checkpoint hold them.
        origin: Where they were found.
        resumes: Whether a training goes on with them, so that loggers and callbacks write.

    Raises:
        ConfigError: It names a class that its setting has no use for, gives a value that is not a
            plain one of the setting's type, or names a place to write to.
    """
    try:
        _Check(resumes=resumes).settings(config)
    except _NotAllowedError as error:
        raise ConfigError(f"{origin!r} {error} If you trust that file, add --trust.") from error


class _NotAllowedError(Exception):
    """A value that must not come from a file; the message goes on after the file's name."""


class _Check:
    def __init__(self, *, resumes: bool) -> None:
        self.resumes = resumes

    def settings(self, config: Mapping[str, Any]) -> None:
        for key, value in config.items():
            match key, value:
                case (("trainer" | "data"), Mapping()):
                    owner = pl.Trainer if key == "trainer" else LabDataModule
                    self.arguments(value, owner, key)
                case "model", _:
                    self.value(value, Task, "model")
                case _ if key in _OTHERS:
                    self.value(value, _OTHERS[key], key)
                case (("run_dir" | "ckpt_path" | "out" | "trust"), (None | False)):
                    pass  # written by older versions
                case _:
                    raise _NotAllowedError(f"sets {key} to {_short(value)}, which is no setting.")

    def arguments(self, given: Mapping[str, Any], owner: type, key: str) -> None:
        known = _parameters(owner)
        for name, value in given.items():
            place = f"{key}.{name}"
            if value is None:  # unset in the parser's dump, arguments of base classes too
                continue
            if name not in known:
                raise _NotAllowedError(f"sets {place}, which {owner.__name__} does not have.")
            leaves = name == "filename" and pathlib.PureWindowsPath(str(value)).name != value
            if find_setting(place).is_typed or (self.resumes and (name in _PLACES or leaves)):
                raise _NotAllowedError(f"sets {place} to {_short(value)}, which must be typed.")
            if owner is pl.Trainer and name in _REGISTRIES:
                if value not in (names := [*_REGISTRIES[name]()]):
                    raise _NotAllowedError(
                        f"sets {place} to {_short(value)}, which is none of {', '.join(names)}."
                    )
                continue
            self.value(value, known[name], place)

    def value(self, value: object, annotation: Any, key: str) -> None:
        if value is None:
            return  # each constructor checks which of its arguments may be null
        if isinstance(value, list) and len(value) > _MOST_VALUES:  # the parser's time squares
            raise _NotAllowedError(
                f"gives {key} {len(value):,} values; {_MOST_VALUES:,} are the most."
            )
        kinds = _alternatives(annotation)
        if slots := [allowed for kind in kinds if (allowed := _classes(kind)) is not None]:
            if isinstance(value, list):
                for item in value:
                    self.one_class(item, frozenset().union(*slots), key)
            elif not (isinstance(value, bool) and bool in kinds):
                self.one_class(value, frozenset().union(*slots), key)
        elif not _is_plain(value, kinds):
            names = f"names the class {value!r}" if _is_path(value) else "is no plain value"
            raise _NotAllowedError(f"{names} in {key}: {_short(value)}.")

    def one_class(self, value: object, allowed: frozenset[type], key: str) -> None:
        spec = {"class_path": value} if isinstance(value, str) else value
        if not isinstance(spec, Mapping) or not spec.keys() <= {"class_path", "init_args"}:
            raise _NotAllowedError(f"sets {key} to {_short(value)}, which names no class.")
        path = spec.get("class_path")
        if path is None:
            raise _NotAllowedError(f"sets {key} without a class_path.")
        found = loaded_class(path) if isinstance(path, str) else None
        if found not in allowed:
            raise _NotAllowedError(
                f"names the class {_short(path)} in {key}, which is none of those that it knows."
            )
        given = spec.get("init_args") or {}
        if not isinstance(given, Mapping):
            raise _NotAllowedError(f"gives {key} arguments that are no mapping.")
        self.arguments(given, found, key)


def _classes(kind: Any) -> frozenset[type] | None:
    """Return the classes that a setting of one type may name; None for a plain type."""
    if typing.get_origin(kind) is collections.abc.Callable:
        kind = typing.get_args(kind)[1]
    elif typing.get_origin(kind) in _LISTS:
        return _classes(typing.get_args(kind)[0])
    if kind is torch.optim.Optimizer:
        found = (cls for cls in vars(torch.optim).values() if isinstance(cls, type))
        return frozenset(c for c in found if issubclass(c, kind) and c is not kind)
    if kind is nn.Module:
        return frozenset(getattr(losses, name) for name in losses.__all__)
    if kind is pl.Callback:
        return _CALLBACKS
    if kind is Logger:
        return _LOGGERS
    if kind in (Task, Net, Schedule, Source, Augmentation):
        return own_subclasses(kind)
    return None


def _alternatives(annotation: Any) -> list[Any]:
    """Return the members of a union, or the one type."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _alternatives(part)]
    return [annotation]


def _is_plain(value: object, kinds: Iterable[Any]) -> bool:
    """Whether a value is a plain one of a type, and no other type makes an object of it."""
    kinds = [*kinds]
    literals = [
        v for k in kinds if typing.get_origin(k) is typing.Literal for v in typing.get_args(k)
    ]
    match value:
        case bool():
            return bool in kinds or Any in kinds
        case int() | float():
            return any(kind in (int, float, Any) for kind in kinds) or value in literals
        case str():
            if not all(_is_closed(kind) for kind in kinds):
                return False
            return any(kind in _TEXTS for kind in kinds) or value in literals
        case list():
            return any(_are_plain(value, kind) for kind in kinds)
        case Mapping():
            inner = [typing.get_args(k) for k in kinds if typing.get_origin(k) in _DICTS]
            return any(
                types_ and all(_is_plain(item, _alternatives(types_[1])) for item in value.values())
                for types_ in inner
            ) or any(_are_fields(value, kind) for kind in kinds if is_dataclass(kind))
    return False


def _are_fields(values: Mapping[str, object], kind: Any) -> bool:
    """Whether values are what the fields of a dataclass hold."""
    types_ = _parameters(kind)
    return all(
        name in types_ and _is_plain(value, _alternatives(types_[name]))
        for name, value in values.items()
    )


def _are_plain(values: list[object], kind: Any) -> bool:
    """Whether values are what a type of a list or tuple holds."""
    inner = typing.get_args(kind) if typing.get_origin(kind) in _LISTS else ()
    if not inner:
        return False
    if len(inner) == 1 or inner[-1] is ...:
        inner = inner[:1] * len(values)
    return len(inner) == len(values) and all(
        _is_plain(value, _alternatives(type_)) for value, type_ in zip(values, inner, strict=True)
    )


def _is_closed(kind: Any) -> bool:
    """Whether no text makes an object of a type: it is not open, no class and no function."""
    plain = (None, type(None), bool, int, float, *_TEXTS)
    return kind in plain or typing.get_origin(kind) in (typing.Literal, *_LISTS, *_DICTS)


@cache
def _parameters(owner: type) -> dict[str, Any]:
    """Return the type of each argument that a constructor names."""
    init = owner.__init__  # type: ignore[misc]  # of a class, not of an instance
    try:
        hints = typing.get_type_hints(init)
    except (NameError, TypeError):  # then only numbers are plain
        hints = {}
    return {
        name: hints.get(name, Any)
        for name, parameter in inspect.signature(init).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name != "self"
    }


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "." in value
