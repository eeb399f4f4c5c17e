"""mistakes.csv: the samples of the test set that were classified wrongly, by confidence."""

import lightning.pytorch as pl

from mlp_lab.callbacks.predictions_file import write_predictions
from mlp_lab.callbacks.result import ResultCallback, find_data, find_evaluation

MAX_MISTAKES = 200
"""How many are listed at most; of more the most confident ones."""


class MistakesFile(ResultCallback):
    """List the mistakes of the test as predictions.csv does, the most confident first."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write them, where there are classes."""
        evaluation, data = find_evaluation(pl_module), find_data(trainer)
        if not trainer.is_global_zero or not (evaluation and data):
            return
        if evaluation.probabilities is None:
            return
        rows = evaluation.most_confident_mistakes(MAX_MISTAKES)
        path = self.results.directory / "mistakes.csv"
        with self.results.making(path):
            samples = data.subsets["test"].at(rows)
            write_predictions(path, samples, evaluation.probabilities[rows], data.class_names)
