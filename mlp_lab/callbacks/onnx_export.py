"""model.onnx: the tested net, ready to be used elsewhere."""

from pathlib import Path

import lightning.pytorch as pl

from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.runs.run import Run
from mlp_lab.tasks import Task


class OnnxExport(ResultCallback):
    """Export the net that was tested; what cannot be exported is a warning and ends nothing.

    Args:
        directory: Where model.onnx goes; its metadata name the run after it.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.run = Run(self.results.directory)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file, if it answers as the net does on test samples."""
        data = find_data(trainer)
        if not trainer.is_global_zero or not data or not isinstance(pl_module, Task):
            return
        # Imported here: it takes a second, and not every training comes so far.
        from mlp_lab.export.model_file import write_model
        from mlp_lab.export.model_info import describe_model, samples_to_check

        path = self.run.model_path
        scores = dict(pl_module.loaded.metrics) if pl_module.loaded else {}
        tested = pl_module.evaluation.summary() if pl_module.evaluation else {}
        difference: float | None = None
        with self.results.making(path):
            info = describe_model(
                pl_module,
                data,
                self.run.name,
                scores | {f"test/{key}": value for key, value in tested.items()},
            )
            difference = write_model(pl_module, info, samples_to_check(data), path)
        if difference is not None:
            print(f"model: {path} (differs by {difference:.1e} from the net on test samples)")
