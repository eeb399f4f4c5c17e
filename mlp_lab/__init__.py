"""A training bench for small networks: data, net, optimiser and schedule in one YAML file."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlp_lab.inference import Predictor
    from mlp_lab.interface.comparison import RunComparison, compare
    from mlp_lab.interface.cross_validation import CrossValidation, cross_validate
    from mlp_lab.interface.run import Run, export_ensemble, list_runs
    from mlp_lab.interface.training import fit

__version__ = "0.2.0"

__all__ = [
    "CrossValidation",
    "Predictor",
    "Run",
    "RunComparison",
    "compare",
    "cross_validate",
    "export_ensemble",
    "fit",
    "list_runs",
]

_HOMES = {
    "CrossValidation": "mlp_lab.interface.cross_validation",
    "Predictor": "mlp_lab.inference",
    "Run": "mlp_lab.interface.run",
    "RunComparison": "mlp_lab.interface.comparison",
    "compare": "mlp_lab.interface.comparison",
    "cross_validate": "mlp_lab.interface.cross_validation",
    "export_ensemble": "mlp_lab.interface.run",
    "fit": "mlp_lab.interface.training",
    "list_runs": "mlp_lab.interface.run",
}


def __getattr__(name: str) -> object:
    """Load a public name where it is first used: torch takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
