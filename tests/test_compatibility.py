"""What cannot go together is refused in one sentence, before there is a run."""

from pathlib import Path

import pytest

from tests.conftest import CommandLine

FIT = ["fit", "--data.source=Digits", "--trainer.max_epochs=3"]

EARLY_STOPPING = "{class_path: EarlyStopping, init_args: {monitor: val/acc, mode: max}}"
ON_NOTHING = "{class_path: EarlyStopping, init_args: {monitor: val/accuracy}}"
ON_TRAIN = "{class_path: lightning.pytorch.callbacks.ModelCheckpoint, init_args: {monitor: lr}}"
EMA = "{class_path: EMAWeightAveraging}"
SWA = "{class_path: SWAWeightAveraging}"
STOCHASTIC = "{class_path: StochasticWeightAveraging, init_args: {swa_lrs: 0.1, device: cpu}}"
BACKWARDS = "{class_path: LearningRateSearch, init_args: {min_lr: 1.0, max_lr: 0.1}}"


@pytest.mark.parametrize(
    ("words", "callbacks", "message"),
    [
        (
            ["--trainer.limit_val_batches=0"],
            [EARLY_STOPPING],
            "EarlyStopping follows validation, which is off with trainer.limit_val_batches=0",
        ),
        (
            ["--trainer.overfit_batches=1", "--model.schedule=Plateau"],
            [],
            "model.schedule Plateau follows validation, which is off",
        ),
        (
            [],
            [ON_NOTHING],
            "The monitor of EarlyStopping is 'val/accuracy', which is not measured. "
            "Did you mean 'val/acc'?",
        ),
        ([], [ON_TRAIN], "The monitor of ModelCheckpoint is 'lr', which is not measured."),
        ([], [EMA, SWA], "has EMAWeightAveraging and SWAWeightAveraging, and only one can average"),
        (
            ["--trainer.accumulate_grad_batches=3"],
            ["{class_path: GradientAccumulationScheduler, init_args: {scheduling: {0: 2}}}"],
            "trainer.accumulate_grad_batches is 3, and the callback GradientAccumulationScheduler",
        ),
        ([], [STOCHASTIC], "Use mlp_lab.callbacks.SWAWeightAveraging."),
        ([], ["{class_path: SWAWeightAveraging, init_args: {start_epoch: 0}}"], "begins at 1"),
        ([], [BACKWARDS], "min_lr of LearningRateSearch is 1.0; it must lie between 0 and max_lr"),
        (
            ["--model.schedule=Cosine", "--model.schedule.warmup_epochs=4"],
            [],
            "model.schedule.warmup_epochs is 4.0, longer than the training of trainer.max_epochs 3",
        ),
        (
            ["--model.optimizer=SGD", "--model.optimizer.nesterov=true"],
            [],
            "model.optimizer cannot be made: Nesterov momentum requires a momentum",
        ),
        (
            ["--model.net.residual=true"],
            [],
            "model.net.residual is true, but with model.net.hidden_dims [200] no hidden layer is",
        ),
        (["--data.steps_per_execution=0"], [], "data.steps_per_execution is 0; it must be at"),
    ],
)
def test_is_refused(
    mlp_lab: CommandLine, tmp_path: Path, words: list[str], callbacks: list[str], message: str
) -> None:
    (tmp_path / "x.yaml").write_text(f"trainer: {{callbacks: [{', '.join(callbacks)}]}}")
    outcome = mlp_lab(*FIT, "--config=x.yaml", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not Path("runs").exists()


def test_what_lightning_finds_later_is_a_sentence_too(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab(*FIT, "--data.batch_size=1000", "--trainer.limit_train_batches=0.1")
    assert outcome.code == 2
    assert outcome.err.startswith("mlp-lab: error: The settings of trainer cannot work: You req")
