"""validation_outputs.npz: what the best checkpoint predicts for each validation sample."""

import lightning.pytorch as pl
import numpy as np
import torch

from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.data import SampleSubset
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import Run
from mlp_lab.tasks import Task
from mlp_lab.tasks.scoring import is_whole


class ValidationOutputs(ResultCallback):
    """Keep what the tested net predicts for the validation samples, in their order.

    Those of all folds together are predictions of every sample by a net that never saw it.

    Args:
        directory: The run directory.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Predict and write, where all samples validate."""
        data = find_data(trainer)
        all_validate = trainer.is_global_zero and is_whole(trainer.limit_val_batches)
        if all_validate and data and isinstance(pl_module, Task):
            path = Run(self.results.directory).validation_outputs_path
            with self.results.making(path):
                predict_samples(pl_module, data.subsets["val"], data.batch_size).write(path)


def predict_samples(task: Task, samples: SampleSubset, batch_size: int) -> Outputs:
    """Predict samples beside any loop, by a task in evaluation mode."""
    parts = []
    with torch.inference_mode():
        for rows in torch.split(torch.arange(len(samples)), batch_size):
            inputs, labels = samples[rows]
            parts.append(task.predict_step((inputs.to(task.device), labels), 0))
    return Outputs(
        torch.cat(parts).float().cpu().numpy(),
        samples.labels.numpy(),
        samples.indices.numpy(),
        None if samples.files is None else np.array(samples.files),
    )
