"""Where a configuration file is: as typed, or among those that come with the package."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.errors import ConfigError, did_you_mean

_PACKAGE = Path(__file__).parent.parent
_FOLDER = "configs"


def packaged_configs() -> Path:
    """Return the directory of the package's own: inside a wheel's, beside a checkout's."""
    inside = _PACKAGE / _FOLDER
    return inside if inside.is_dir() else _PACKAGE.parent / _FOLDER


def find_config(typed: str | Path) -> Path:
    """Return the file that is meant: what is there, else the package's own of that name."""
    path = Path(typed)
    packaged = packaged_configs().parent / path
    is_packaged = path.parts[:1] == (_FOLDER,) and ".." not in path.parts and packaged.is_file()
    return packaged if is_packaged and not path.exists() else path


def format_config(path: str | Path) -> str:
    """Return what a configuration that ``find_config`` found is called in messages."""
    own = packaged_configs()
    if Path(path).is_relative_to(own):
        return f"{Path(_FOLDER, Path(path).relative_to(own))} (comes with mlp_lab: {path})"
    return str(path)


def check_configs(words: Sequence[str]) -> None:
    """Find out whether the files that a command line names by --config are there.

    Raises:
        ConfigError: One is not.
    """
    for word, following in itertools.pairwise([*words, ""]):
        flag, equals, value = word.partition("=")
        typed = value if equals else following
        path = Path(typed)
        if flag not in ("--config", "-c") or "{" in typed or find_config(path).exists():
            continue
        folders = (path.parent, packaged_configs().parent / path.parent)
        near = sorted({file.name for folder in folders for file in folder.glob("*.yaml")})
        guess = f" {did_you_mean(path.name, near)}" if near else ""
        raise ConfigError(f"config {typed!r} is not there.{guess}")
