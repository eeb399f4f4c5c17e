"""test_outputs.npz: what the net answered to each test sample."""

import lightning.pytorch as pl

from mlp_lab.callbacks.result import ResultCallback, find_data, find_evaluation
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import Run


class OutputsFile(ResultCallback):
    """Write the outputs of a whole test, so that runs can be compared sample by sample.

    Args:
        directory: Where test_outputs.npz goes.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write probabilities, or predicted targets, with labels and places of the samples."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if evaluation is None or data is None or not trainer.is_global_zero:
            return
        probabilities = evaluation.probabilities  # of classes alone
        outputs = evaluation.outputs if probabilities is None else probabilities
        path = Run(self.results.directory).test_outputs_path
        with self.results.making(path):
            indices = data.subsets["test"].indices
            Outputs(outputs.numpy(), evaluation.labels.numpy(), indices.numpy()).write(path)
