"""What a result may depend on beside its settings: the code and its packages. No torch."""

import functools
import hashlib
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
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    """Return the output of git in the directory of this package."""
    package = Path(mlp_lab.__file__).parent
    command = ["git", "-C", str(package), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def describe_code() -> dict[str, str]:
    """Return the commit of this package's checkout, where it is one, and all versions.

    Changes of the package that are not committed have a hash of their own.
    """
    git = git_state()
    if git is None:
        return versions()
    changes = _git("diff", "HEAD", "--", ".")
    hash_ = f" with changes {hashlib.sha256(changes.encode()).hexdigest()[:7]}" if changes else ""
    return {"commit": git["commit"][:7] + hash_} | versions()


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"mlp_lab": mlp_lab.__version__, "python": platform.python_version(), **packages}
