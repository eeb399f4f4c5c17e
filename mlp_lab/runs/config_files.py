"""Where a configuration file is: as typed, or among those that come with the package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_FOLDER = "configs"


def packaged_configs() -> Path:
    """Return the directory of the package's own: inside a wheel's, beside a checkout's."""
    inside = _PACKAGE / _FOLDER
    return inside if inside.is_dir() else _PACKAGE.parent / _FOLDER


def find_config(typed: str | Path) -> Path:
    """Return the file that is meant: what is there, else the package's own of that name.

    Args:
        typed: A path, such as ``configs/base.yaml``.
    """
    path = Path(typed)
    packaged = packaged_configs().parent / path
    is_packaged = path.parts[:1] == (_FOLDER,) and ".." not in path.parts and packaged.is_file()
    return packaged if is_packaged and not path.exists() else path


def format_config(path: str | Path) -> str:
    """Return what a configuration file is called in messages.

    Args:
        path: What ``find_config`` returned.
    """
    own = packaged_configs()
    if Path(path).is_relative_to(own):
        return f"{Path(_FOLDER, Path(path).relative_to(own))} (comes with mlp_lab: {path})"
    return str(path)
