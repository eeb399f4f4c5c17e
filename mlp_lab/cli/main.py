"""The entry point: finds the command, and loads only what that command needs."""

import argparse
import atexit
import contextlib
import gc
import importlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlp_lab import __version__
from mlp_lab.cli.invocation import find_run_to_resume, go_on_after_restart
from mlp_lab.errors import MLPLabError, did_you_mean, explain_out_of_memory
from mlp_lab.files.plain_text import as_shown
from mlp_lab.processes import garbage
from mlp_lab.processes.signals import Interrupted, exit_code, raise_on_signals
from mlp_lab.runs.packaged_configs import check_configs
from mlp_lab.runs.results import is_complete

USAGE_ERROR = 2


@dataclass(frozen=True)
class Command:
    """What ``mlp-lab --help`` prints of a command, and the module of the function that runs it.

    The function has the name of the command, takes the words behind it, and returns the exit code.
    """

    summary: str
    module: str


COMMANDS = {
    "new": Command("begin a project in a directory of its own", "new"),
    "fit": Command("train, then test the best checkpoint", "training"),
    "validate": Command("score a run's checkpoint on validation", "training"),
    "test": Command("score a run's checkpoint on the test set", "training"),
    "predict": Command("write what a run's checkpoint predicts for each sample", "training"),
    "stats": Command("count, measure and draw a data set", "data"),
    "prepare": Command("write a data set with its split as one file", "data"),
    "export": Command("write a run's best net as one file: onnx, pth", "export"),
    "infer": Command("use a model file on images, arrays and tables", "infer"),
    "serve": Command("answer requests with a model over HTTP", "serve"),
    "report": Command("report one run, or compare many", "report"),
    "sweep": Command("fit a grid of settings, seeds and folds", "sweep"),
    "scratch": Command("the same networks by hand: regression, binary", "scratch"),
}


def main(args: Sequence[str] | None = None) -> int:
    """Run ``mlp-lab``.

    Args:
        args: The words after ``mlp-lab``; by default those of the command line.

    Returns:
        The exit code: 0, 1 where a check or a training failed, 2 where something needs fixing in
        the command or its files.
    """
    _prepare_streams()
    words = list(sys.argv[1:] if args is None else args)
    verbose = "--verbose" in words
    words = [word for word in words if word != "--verbose"]
    parser = _make_parser()
    if not words:
        parser.print_help()
        return USAGE_ERROR
    command, *rest = words
    if command not in COMMANDS:
        parser.parse_args(words[:1])  # --help and --version end here
        return _report(f"There is no command {command!r}. {did_you_mean(command, COMMANDS)}")
    if command == "fit" and not rest:
        return _report(
            "fit what? Try mlp-lab fit --config configs/quickstart.yaml, which needs no download, "
            "or configs/base.yaml, whose settings are also the defaults."
        )
    try:
        check_configs(rest)
        code = _run(command, rest)
        sys.stdout.flush()
    except MLPLabError as error:
        if verbose:
            traceback.print_exc()
        return _report(str(error), error.exit_code)
    except (RuntimeError, MemoryError) as error:
        if (message := explain_out_of_memory(error)) is None:
            raise
        if verbose:
            traceback.print_exc()
        return _report(message, 1)
    except Interrupted as stop:
        return stop.exit_code
    except KeyboardInterrupt:  # while modules were still loading
        return exit_code(signal.SIGINT)
    except OSError as error:
        if not _output_fails():
            raise
        _drop_output()
        if isinstance(error, BrokenPipeError):  # somebody like head stopped reading
            return 1
        return _report(f"Standard output could not be written: {error.strerror or error}.", 1)
    return code


def run() -> int:
    """Run ``mlp-lab`` as all that this process does.

    Once the work is done the process ends at once: Python would look through everything that torch
    and Lightning have in memory, to free it, for one to two seconds.
    """
    codes: list[int] = []
    atexit.register(_end, codes)  # the first that is registered is the last that is called
    codes.append(main())
    return codes[0]


def _end(codes: Sequence[int]) -> None:
    """End the process with an exit code, if there is one, and with all open files written."""
    if not codes:  # an error that is shown with its traceback
        return
    logging.shutdown()
    # What is frozen was there before the user's own modules; to look through it takes a second.
    for thing in [sys.stdout, sys.stderr, *gc.get_objects()]:
        if issubclass(type(thing), io.IOBase):  # of isinstance an object may say anything
            with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it any more
                thing.flush()
    os._exit(codes[0])


def _run(command: str, words: Sequence[str]) -> int:
    if command == "fit":
        words = go_on_after_restart(words)
    if command == "fit" and (run := find_run_to_resume(words)) and is_complete(run):
        print("finished before, with all its results; to train on, add --trainer.max_epochs")
        print(f"run: {run.dir}")
        return 0
    # A launcher may send the same one that a whole group of processes got already.
    raise_on_signals(ends_at_second="LOCAL_RANK" not in os.environ)
    with garbage.importing():
        function = load_command(command)
    code: int = function(words)
    return code


def load_command(command: str) -> Callable[..., int]:
    """Return the function of a command, which takes the words behind it."""
    module = importlib.import_module(f"mlp_lab.cli.commands.{COMMANDS[command].module}")
    function: Callable[..., int] = getattr(module, command)
    return function


def _prepare_streams() -> None:
    """Keep printing from failing where a stream is closed, or a file's name is no text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for good
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _output_fails() -> bool:
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _drop_output() -> None:
    """Keep Python from complaining at its end of what it cannot print."""
    with contextlib.suppress(OSError, ValueError):  # what stands in for it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(message: str, code: int = USAGE_ERROR) -> int:
    print(f"mlp-lab: error: {as_shown(message)}", file=sys.stderr)
    return code


def _make_parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {c.summary}" for name, c in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="mlp-lab",
        usage="mlp-lab [--help] [--version] COMMAND [OPTIONS]",
        description="Train small networks described in one YAML file.",
        epilog=f"commands:\n{listed}\n\n"
        "Options of a command: mlp-lab COMMAND --help. --verbose shows an error's traceback.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mlp-lab {__version__}")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    return parser
