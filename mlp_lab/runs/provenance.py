"""What a result may depend on beside its settings: the code and its packages. No torch."""

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import mlp_lab

_PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "jsonargparse", "numpy")


@functools.cache  # what runs was loaded once, however many trainings there are
def git_state() -> dict[str, Any] | None:
    """Return commit and dirty flag of this package's checkout; None where it is installed."""
    package = Path(mlp_lab.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def describe_code() -> dict[str, str]:
    """Return the commit of this package's checkout, where it is one, and all versions."""
    git = git_state()
    commit = {} if git is None else {"commit": git["commit"][:7] + " changed" * git["dirty"]}
    return commit | versions()


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"mlp_lab": mlp_lab.__version__, "python": platform.python_version(), **packages}
