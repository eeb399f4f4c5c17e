"""A trained model as it is used: from .onnx, .pth or .ckpt. Imports no torch until it must."""

from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.predictor import Answers, Predictor

__all__ = ["Answers", "ModelInfo", "Predictor"]
