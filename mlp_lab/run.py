"""Where version 0.1 had the run directory; removed in 0.3."""

from typing import TYPE_CHECKING

from mlp_lab.errors import warn_deprecated
from mlp_lab.runs import run

if TYPE_CHECKING:
    from mlp_lab.runs.run import Run, Status, check_experiment, now, read_json

__all__ = ["Run", "Status", "check_experiment", "now", "read_json"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_deprecated(f"mlp_lab.run.{name}", f"mlp_lab.runs.run.{name}")
    return getattr(run, name)
