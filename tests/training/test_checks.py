"""What cannot go together is refused in one sentence, before there is a run."""

from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.helpers.training import callbacks

FIT = ["fit", "--data.source=Digits", "--trainer.max_epochs=3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--trainer.limit_val_batches=0", callbacks(EarlyStopping={"monitor": "val/acc"})],
            "EarlyStopping follows validation, which is off with trainer.limit_val_batches=0",
        ),
        (
            ["--trainer.overfit_batches=1", "--model.schedule=Plateau"],
            "model.schedule Plateau follows validation, which is off",
        ),
        (
            [callbacks(EarlyStopping={"monitor": "val/accuracy"})],
            "The monitor of EarlyStopping is 'val/accuracy', which is not measured. "
            "Did you mean 'val/acc'?",
        ),
        (
            [callbacks(ModelCheckpoint={"monitor": "lr"})],
            "The monitor of ModelCheckpoint is 'lr', which is not measured.",
        ),
        (
            [callbacks(EMAWeightAveraging={}, SWAWeightAveraging={})],
            "has EMAWeightAveraging and SWAWeightAveraging, and only one can average",
        ),
        (
            [
                "--trainer.accumulate_grad_batches=3",
                callbacks(GradientAccumulationScheduler={"scheduling": {0: 2}}),
            ],
            "trainer.accumulate_grad_batches is 3, and the callback GradientAccumulationScheduler",
        ),
        (
            [callbacks(StochasticWeightAveraging={"swa_lrs": 0.1, "device": "cpu"})],
            "Use mlp_lab.callbacks.SWAWeightAveraging.",
        ),
        ([callbacks(SWAWeightAveraging={"start_epoch": 0})], "begins at 1"),
        (
            [callbacks(LearningRateSearch={"min_lr": 1.0, "max_lr": 0.1})],
            "min_lr of LearningRateSearch is 1.0; it must lie between 0 and max_lr",
        ),
        (
            ["--model.schedule=Cosine", "--model.schedule.warmup_epochs=4"],
            "model.schedule.warmup_epochs is 4.0, longer than the training of trainer.max_epochs 3",
        ),
        (
            ["--model.optimizer=SGD", "--model.optimizer.nesterov=true"],
            "model.optimizer cannot be made: Nesterov momentum requires a momentum",
        ),
        (
            ["--model.net.residual=true"],
            "model.net.residual is true, but with model.net.hidden_dims [200] no hidden layer is",
        ),
        (["--data.steps_per_execution=0"], "data.steps_per_execution is 0; it must be at"),
    ],
)
def test_is_refused(mlp_lab: CommandLine, words: list[str], message: str) -> None:
    outcome = mlp_lab(*FIT, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not Path("runs").exists()


def test_what_lightning_finds_later_is_a_sentence_too(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab(*FIT, "--data.batch_size=1000", "--trainer.limit_train_batches=0.1")
    assert outcome.code == 2
    assert outcome.err.startswith("mlp-lab: error: The settings of trainer cannot work: You req")
