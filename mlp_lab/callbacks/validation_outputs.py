"""validation_outputs.npz: what the best checkpoint predicts for each validation sample."""

import lightning.pytorch as pl
import numpy as np
import torch

from mlp_lab.callbacks.result import ResultCallback, find_data
from mlp_lab.data import SampleSubset
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import Run
from mlp_lab.tasks import Task
from mlp_lab.tasks.forward import forward_samples
from mlp_lab.tasks.scoring import is_whole


class ValidationOutputs(ResultCallback):
    """Keep what the tested net predicts for the validation samples, in their order.

    Those of all folds together are predictions of every sample by a net that never saw it. So they
    are without a temperature, which was fitted to the labels of these very samples.

    Args:
        directory: The run directory.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Predict and write, where all samples validate."""
        data = find_data(trainer)
        all_validate = trainer.is_global_zero and is_whole(trainer.limit_val_batches)
        if all_validate and data and isinstance(pl_module, Task):
            path = Run(self.results.directory).validation_outputs_path
            with self.results.making(path), pl_module.uncalibrated():
                predict_samples(pl_module, data.subsets["val"], data.batch_size).write(path)


def predict_samples(task: Task, samples: SampleSubset, batch_size: int) -> Outputs:
    """Return the probabilities of samples, or their predicted targets, with labels and places."""
    outputs = torch.cat([part for part, _ in forward_samples(task, samples, batch_size)])
    probabilities = task.probabilities(outputs)
    return Outputs(
        (outputs if probabilities is None else probabilities).float().cpu().numpy(),
        samples.labels.numpy(),
        samples.indices.numpy(),
        None if samples.files is None else np.array(samples.files),
    )
