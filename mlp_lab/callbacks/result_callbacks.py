"""What writes the results of a test, all of it."""

from pathlib import Path

import lightning.pytorch as pl

from mlp_lab.callbacks.confusion_matrix_plot import ConfusionMatrixPlot
from mlp_lab.callbacks.curve_plots import CalibrationPlot, ClassScoresPlot, CurvePlots
from mlp_lab.callbacks.extra_scores import TrainingSetScores, UntrainedScores
from mlp_lab.callbacks.importance_plot import ImportancePlot
from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.callbacks.mistakes_file import MistakesFile
from mlp_lab.callbacks.net_plots import NetPlots
from mlp_lab.callbacks.onnx_export import OnnxExport
from mlp_lab.callbacks.outputs_file import OutputsFile
from mlp_lab.callbacks.result import PlotCallback, ResultCallback
from mlp_lab.callbacks.sample_plots import DecisionSurfacePlot, MistakesPlot, TargetPlots
from mlp_lab.callbacks.samples_file import SamplesFile
from mlp_lab.callbacks.training_plots import ClassBalancePlot, TrainingPlots

PLOTS_OF_TEST: tuple[type[PlotCallback], ...] = (
    *(ConfusionMatrixPlot, CurvePlots, CalibrationPlot, ClassScoresPlot, MistakesPlot),
    *(DecisionSurfacePlot, TargetPlots, ImportancePlot, NetPlots),
)
PLOTS_OF_TRAINING: tuple[type[PlotCallback], ...] = (TrainingPlots, ClassBalancePlot)


def result_callbacks(
    directory: Path, *, figures: bool, after_training: bool = False, onnx: bool = False
) -> list[pl.Callback]:
    """Return what writes the results of a test; the order does not matter.

    Args:
        directory: Where to.
        figures: Whether figures are drawn.
        after_training: Whether the test ends a training, whose results are written too.
        onnx: Whether the net is exported.
    """
    kinds: list[type[ResultCallback]] = [MetricsFile, MistakesFile, OutputsFile, SamplesFile]
    if figures:
        kinds += PLOTS_OF_TEST
    if figures and after_training:
        kinds += PLOTS_OF_TRAINING
    if onnx:
        kinds.append(OnnxExport)
    scores = [UntrainedScores(directory), TrainingSetScores()] if after_training else []
    return [*scores, *(kind(directory) for kind in kinds)]
