from pathlib import Path

import pytest
import torch

from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training, callbacks, killed_at_step

FIT = ["fit", "--data.source=Digits", "--model.net.batch_norm=before", "--trainer.max_epochs=4"]
EMA = callbacks(EMAWeightAveraging={"decay": 0.9})
SWA = callbacks(SWAWeightAveraging={"start_epoch": 3})


def weights_after(mlp_lab: CommandLine, num_epochs: int) -> dict[str, torch.Tensor]:
    run_dir = mlp_lab(*FIT, f"--trainer.max_epochs={num_epochs}").run_dir
    weights: dict[str, torch.Tensor] = read_checkpoint(run_dir / "checkpoints" / "last.ckpt")[
        "state_dict"
    ]
    return weights


@pytest.mark.parametrize("steps", [1, 16])
def test_swa_is_the_mean_of_the_last_epochs_weights(mlp_lab: CommandLine, steps: int) -> None:
    third, fourth = (weights_after(mlp_lab, n) for n in (3, 4))
    words = [SWA, f"--data.steps_per_execution={steps}"]
    if steps > 1:
        words = words[:1]  # by default; the callback wants every step and gets it
    run_dir = mlp_lab(*FIT, *words).run_dir
    averaged = read_checkpoint(run_dir / "checkpoints" / "last.ckpt")["state_dict"]
    for name, tensor in averaged.items():
        expected = (third[name] + fourth[name]) / 2
        if not tensor.is_floating_point():
            expected = fourth[name]
        assert torch.allclose(tensor.double(), expected.double(), atol=1e-6), name


def test_an_epoch_that_is_cut_short_counts(mlp_lab: CommandLine) -> None:
    words = ["--trainer.max_steps=15", "--trainer.max_epochs=-1"]  # one epoch and a half
    plain, averaged = (
        read_checkpoint(mlp_lab(*FIT, *words, *more).run_dir / "checkpoints" / "last.ckpt")
        for more in ([], [SWA])  # which leaves the first two as they are
    )
    for name, tensor in plain["state_dict"].items():
        torch.testing.assert_close(averaged["state_dict"][name], tensor)


@pytest.mark.parametrize("callback", [EMA, SWA])
def test_a_stopped_run_goes_on_bit_by_bit(mlp_lab: CommandLine, callback: str) -> None:
    words = [*FIT, callback]
    whole = mlp_lab(*words)
    assert whole.code == 0, whole.err
    with killed_at_step(30):
        mlp_lab(*words)
    killed = whole.run_dir.parent / "version_1"
    outcome = mlp_lab("fit", f"--run_dir={killed}")
    assert outcome.code == 0, outcome.err
    assert_same_training(whole.run_dir, killed)


def test_the_average_is_what_is_tested(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab(*FIT, EMA)
    best = read_checkpoint(outcome.run_dir / "checkpoints" / "best.ckpt")
    current = best["current_model_state"]["net.layers.1.weight"]
    assert not torch.equal(best["state_dict"]["net.layers.1.weight"], current)
    again = mlp_lab("test", f"--run_dir={outcome.run_dir}", "--out=again")
    assert again.code == 0, again.err
    first, second = (
        (path / "metrics.json").read_text() for path in (outcome.run_dir, Path("again"))
    )
    assert first.split('"test/acc"')[1][:30] == second.split('"test/acc"')[1][:30]
