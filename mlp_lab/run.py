"""Where version 0.1 had the run directory; removed in 0.3."""

from mlp_lab.errors import warn_deprecated
from mlp_lab.runs import run


def __getattr__(name: str) -> object:
    found: object = getattr(run, name)
    if not name.startswith("_"):
        warn_deprecated(f"mlp_lab.run.{name}", f"mlp_lab.runs.run.{name}")
    return found
