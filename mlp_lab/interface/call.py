"""What lies between Python code and the commands that it calls."""

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import class_path
from mlp_lab.processes.signals import Interrupted, raise_on_signals
from mlp_lab.sweep.grid import format_typed


def typed_words(
    config: str | Path | Sequence[str | Path] | None, settings: Mapping[str, object]
) -> list[str]:
    """Return configurations and settings as they are typed on the command line.

    Example:
        >>> typed_words("a.yaml", {"model.net.hidden_dims": [300], "figures": False})
        ['--config=a.yaml', '--model.net.hidden_dims=[300]', '--figures=false']
        >>> typed_words(None, {"experiment": "first"})
        ['--experiment=first']
    """
    configs = [config] if isinstance(config, str | Path) else config or ()
    typed = [f"--config={name}" for name in configs]
    for key, value in settings.items():
        try:
            typed.append(f"--{key}={format_typed(_plain(value))}")
        except yaml.YAMLError as error:
            raise ConfigError(
                f"{key} is {value!r}, which cannot be typed: give text, numbers, lists, mappings "
                "of them, or a class."
            ) from error
    return typed


def _plain(value: object) -> object:
    """Return a value as YAML has it: classes and paths as text, arrays as lists."""
    match value:
        case type():
            return class_path(value)
        case Path():
            return str(value)
        case Mapping():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value.tolist() if hasattr(value, "tolist") else value  # of NumPy or torch


@contextlib.contextmanager
def as_a_call(*, verbose: bool) -> Iterator[None]:
    """Let a command be called by other code: Ctrl-C raises and ends nothing.

    Nor do silence and the number of threads last.

    Raises:
        KeyboardInterrupt: Ctrl-C was typed.
    """
    silence = contextlib.nullcontext() if verbose else contextlib.redirect_stdout(io.StringIO())
    with silence, _own_threads(), _own_signals():
        yield


@contextlib.contextmanager
def _own_threads() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        yield
        return
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    raise_on_signals(signal.SIGINT, ends_at_second=False)
    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = hook
