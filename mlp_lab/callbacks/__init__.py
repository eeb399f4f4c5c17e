"""One file for each thing that training produces, and for what it goes on from."""

from mlp_lab.callbacks.best_weights import BestWeights, EpochHistory
from mlp_lab.callbacks.checkpoint_check import check_fits
from mlp_lab.callbacks.checkpoints import (
    BestCheckpoint,
    CheckpointStates,
    LastCheckpoint,
    WholeFileCheckpointIO,
)
from mlp_lab.callbacks.confusion_matrix_plot import ConfusionMatrixPlot
from mlp_lab.callbacks.console import EpochLines, progress_bars
from mlp_lab.callbacks.curve_plots import CalibrationPlot, ClassScoresPlot, CurvePlots
from mlp_lab.callbacks.epoch_seed import EpochSeed
from mlp_lab.callbacks.extra_scores import TrainingSetScores, UntrainedScores
from mlp_lab.callbacks.finite_check import FiniteCheck
from mlp_lab.callbacks.importance_plot import ImportancePlot
from mlp_lab.callbacks.learning_rate_search import LearningRateSearch
from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.callbacks.mistakes_file import MistakesFile
from mlp_lab.callbacks.net_plots import NetPlots
from mlp_lab.callbacks.onnx_export import OnnxExport
from mlp_lab.callbacks.outputs_file import OutputsFile
from mlp_lab.callbacks.overfit_check import OverfitCheck
from mlp_lab.callbacks.predictions_file import PredictionsFile
from mlp_lab.callbacks.pruning import Pruning
from mlp_lab.callbacks.result import PlotCallback, ResultCallback
from mlp_lab.callbacks.result_callbacks import result_callbacks
from mlp_lab.callbacks.run_record import RunRecord
from mlp_lab.callbacks.sample_plots import DecisionSurfacePlot, MistakesPlot, TargetPlots
from mlp_lab.callbacks.samples_file import SamplesFile
from mlp_lab.callbacks.step_metrics import StepMetrics
from mlp_lab.callbacks.stopwatch import Stopwatch
from mlp_lab.callbacks.training_plots import ClassBalancePlot, TrainingPlots
from mlp_lab.callbacks.validation_outputs import ValidationOutputs
from mlp_lab.callbacks.version_0_1 import Figures, OnnxFile
from mlp_lab.callbacks.weight_averaging import SWAWeightAveraging

__all__ = [
    "BestCheckpoint",
    "BestWeights",
    "CalibrationPlot",
    "CheckpointStates",
    "ClassBalancePlot",
    "ClassScoresPlot",
    "ConfusionMatrixPlot",
    "CurvePlots",
    "DecisionSurfacePlot",
    "EpochHistory",
    "EpochLines",
    "EpochSeed",
    "Figures",
    "FiniteCheck",
    "ImportancePlot",
    "LastCheckpoint",
    "LearningRateSearch",
    "MetricsFile",
    "MistakesFile",
    "MistakesPlot",
    "NetPlots",
    "OnnxExport",
    "OnnxFile",
    "OutputsFile",
    "OverfitCheck",
    "PlotCallback",
    "PredictionsFile",
    "Pruning",
    "ResultCallback",
    "RunRecord",
    "SWAWeightAveraging",
    "SamplesFile",
    "StepMetrics",
    "Stopwatch",
    "TargetPlots",
    "TrainingPlots",
    "TrainingSetScores",
    "UntrainedScores",
    "ValidationOutputs",
    "WholeFileCheckpointIO",
    "check_fits",
    "progress_bars",
    "result_callbacks",
]
