"""``mlp-lab new``: a directory to begin a course or project in."""

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.errors import ConfigError, WriteError

_TEMPLATE = Path(__file__).parent.parent / "template"
_RENAMED = {"gitignore": ".gitignore"}


def new(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    directory: Path = make_parser().parse_args(args).directory
    make_project(directory)
    print(f"made: {directory}: {', '.join(sorted(path.name for path in directory.iterdir()))}")
    print(f"begin with: cd {directory} && mlp-lab fit --config first.yaml")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return what reads the command's words."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab new",
        description="Make a small directory to begin in: a configuration, a net and a data set of "
        "one's own to change, the commands, and a .gitignore.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="a new directory, or an empty one"
    )
    return parser


def make_project(directory: Path) -> None:
    """Write the template into a directory, whole or not at all.

    Raises:
        ConfigError: The directory is not empty, or a file.
        WriteError: It cannot be written.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(f"{str(directory)!r} is there and not empty; name a new directory.")
    target = directory.absolute()
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
        for file in sorted(_TEMPLATE.iterdir()):
            if file.is_file():
                shutil.copyfile(file, draft / _RENAMED.get(file.name, file.name))
        if target.exists():
            target.rmdir()
        draft.rename(target)
    except OSError as error:
        raise WriteError(
            f"{str(directory)!r} could not be written: {error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
