"""One file for each thing that training produces."""

from mlp_lab.callbacks.checkpoints import (
    BestCheckpoint,
    CheckpointStates,
    LastCheckpoint,
    WholeFileCheckpointIO,
    check_fits,
    name_damage,
)
from mlp_lab.callbacks.console import EpochLines, progress_bars
from mlp_lab.callbacks.epoch_seed import EpochSeed
from mlp_lab.callbacks.figures import Figures
from mlp_lab.callbacks.finite_check import FiniteCheck
from mlp_lab.callbacks.learning_rate_search import LearningRateSearch
from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.callbacks.onnx_file import OnnxFile
from mlp_lab.callbacks.overfit_check import OverfitCheck
from mlp_lab.callbacks.predictions_file import PredictionsFile
from mlp_lab.callbacks.run_record import RunRecord
from mlp_lab.callbacks.step_metrics import StepMetrics
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.callbacks.weight_averaging import SWAWeightAveraging

__all__ = [
    "BestCheckpoint",
    "CheckpointStates",
    "EpochLines",
    "EpochSeed",
    "Figures",
    "FiniteCheck",
    "LastCheckpoint",
    "LearningRateSearch",
    "MetricsFile",
    "OnnxFile",
    "OverfitCheck",
    "PredictionsFile",
    "RunRecord",
    "SWAWeightAveraging",
    "StepMetrics",
    "Stopwatch",
    "WholeFileCheckpointIO",
    "check_fits",
    "name_damage",
    "progress_bars",
]
