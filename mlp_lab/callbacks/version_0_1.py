"""Callbacks of version 0.1, which work in 0.2 and are removed in 0.3."""

from pathlib import Path

import lightning.pytorch as pl

from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.callbacks.onnx_export import OnnxExport
from mlp_lab.callbacks.result import add_callbacks
from mlp_lab.callbacks.result_callbacks import PLOTS_OF_TEST, PLOTS_OF_TRAINING
from mlp_lab.callbacks.training_plots import TrainingPlots
from mlp_lab.errors import warn_deprecated
from mlp_lab.runs.run import Run


class Figures(pl.Callback):
    """Draw all figures: deprecated, use the callbacks that draw one kind each.

    Args:
        plots_dir: Where the figures go.
        metrics: No longer needed here. In version 0.1's form it scores the untrained net, whose
            confusion is drawn with the test's.
        steps_path: metrics.csv of the training; None where there was none.
    """

    def __init__(self, plots_dir: Path, metrics: MetricsFile, steps_path: Path | None) -> None:
        warn_deprecated(
            "mlp_lab.callbacks.Figures",
            "the callbacks that draw one kind of figure each, such as CurvePlots",
        )
        directory = Path(plots_dir).parent
        kinds = PLOTS_OF_TEST + (PLOTS_OF_TRAINING if steps_path else ())
        plots = [kind(directory) for kind in kinds]
        for plot in plots:
            plot.plots_dir = Path(plots_dir)
            if isinstance(plot, TrainingPlots) and steps_path:
                plot.metrics_csv = Path(steps_path)
        self._helpers: list[pl.Callback] = [*plots]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the trainer what draws."""
        add_callbacks(trainer, self._helpers)


class OnnxFile(OnnxExport):
    """Export the net that was tested: deprecated, use OnnxExport.

    Args:
        run: Where model.onnx goes.
        metrics: No longer needed.
    """

    def __init__(self, run: Run, metrics: MetricsFile) -> None:
        warn_deprecated("mlp_lab.callbacks.OnnxFile", "OnnxExport(run.dir)")
        super().__init__(run.dir)
