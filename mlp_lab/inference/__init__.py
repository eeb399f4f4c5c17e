"""A trained model in use: from .onnx, .pth or .ckpt. Imports torch only where needed."""

from mlp_lab.errors import warn_deprecated
from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.predictor import Predictions, Predictor
from mlp_lab.inference.tables import TableOptions, encode_csv, encode_frame, encode_rows

__all__ = [
    "ModelInfo",
    "Predictions",
    "Predictor",
    "TableOptions",
    "encode_csv",
    "encode_frame",
    "encode_rows",
]


def __getattr__(name: str) -> type[Predictions]:
    # The name of version 0.1.
    if name != "Answers":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_deprecated("Answers", "Predictions")
    return Predictions
