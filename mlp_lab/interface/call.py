"""What lies between Python code and the commands that it calls."""

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlp_lab.files.plain_types import class_path
from mlp_lab.processes.signals import Interrupted, raise_on_signals
from mlp_lab.sweep.grid import format_typed


def typed_words(
    config: str | Path | Sequence[str | Path], settings: Mapping[str, object]
) -> list[str]:
    """Return configurations and settings as they are typed on the command line.

    Example:
        >>> typed_words("a.yaml", {"model.net.hidden_dims": [300], "figures": False})
        ['--config=a.yaml', '--model.net.hidden_dims=[300]', '--figures=false']
    """
    configs = [config] if isinstance(config, str | Path) else config
    typed = [f"--config={name}" for name in configs]
    for key, value in settings.items():
        if isinstance(value, type):
            value = class_path(value)
        typed.append(f"--{key}={value if isinstance(value, Path) else format_typed(value)}")
    return typed


@contextlib.contextmanager
def as_a_call(*, verbose: bool) -> Iterator[None]:
    """Let a command be called by other code: Ctrl-C raises and ends nothing, nor does silence last.

    Raises:
        KeyboardInterrupt: Ctrl-C was typed.
    """
    silence = contextlib.nullcontext() if verbose else contextlib.redirect_stdout(io.StringIO())
    if threading.current_thread() is not threading.main_thread():  # which gets no signals
        with silence:
            yield
        return
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    raise_on_signals(signal.SIGINT, ends_at_second=False)
    try:
        with silence:
            yield
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = hook
