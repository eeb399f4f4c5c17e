"""model.onnx: the best checkpoint, ready to be used elsewhere."""

from pathlib import Path

import lightning.pytorch as pl

from mlp_lab.callbacks.metrics_file import MetricsFile
from mlp_lab.data import LabDataModule
from mlp_lab.run import Run
from mlp_lab.runs.results import Results
from mlp_lab.tasks import Task


class OnnxFile(pl.Callback):
    """Export the net that was tested; what cannot be exported is a warning and ends nothing.

    Args:
        run: Where model.onnx goes.
        results: Keeps account of it.
        metrics: Knows the scores that go into it; its hooks must come first.
    """

    def __init__(self, run: Run, results: Results, metrics: MetricsFile) -> None:
        self.run = run
        self.results = results
        self.metrics = metrics

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file."""
        data = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        if not trainer.is_global_zero or not isinstance(data, LabDataModule):
            return
        assert isinstance(pl_module, Task)
        self._export(pl_module, data, self.run.model_path)

    def _export(self, task: Task, data: LabDataModule, path: Path) -> None:
        # Imported here: it takes a second, and not every training comes so far.
        from mlp_lab.export.model_info import describe_model, samples_to_check
        from mlp_lab.export.onnx_file import write_onnx

        difference: float | None = None
        with self.results.making(path):
            info = describe_model(task, data, self.run.name, self.metrics.metrics)
            difference = write_onnx(task, info, samples_to_check(data), path)
        if difference is not None:
            print(f"model: {path} (differs by {difference:.1e} from the net on test samples)")
