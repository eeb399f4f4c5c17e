"""The factors are those of torch's schedulers, and a resumed run takes them up where it was."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.optim import lr_scheduler

from mlp_lab.errors import ConfigError
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.tasks import (
    Constant,
    Cosine,
    Linear,
    MultiStepDecay,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
)
from tests.conftest import CommandLine
from tests.helpers.slow import some_slow
from tests.helpers.training import assert_same_training, killed_at_step

STEPS, EPOCHS = 10, 6

Torchs = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]


def torchs_rates(make: Torchs) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS * EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def our_rates(schedule: Schedule) -> list[float]:
    factor = schedule.factor_of_step(STEPS, STEPS * EPOCHS)
    return [factor(step) for step in range(STEPS * EPOCHS)]


@pytest.mark.parametrize(
    ("schedule", "torchs"),
    [
        (Constant(), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (StepDecay(2, 0.5), lambda o: lr_scheduler.StepLR(o, 2 * STEPS, 0.5)),
        (MultiStepDecay([1, 4.5]), lambda o: lr_scheduler.MultiStepLR(o, [STEPS, 45], 0.1)),
        (Linear(0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, STEPS * EPOCHS)),
        (Cosine(0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS * EPOCHS, 0.01)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rates_are_torchs(schedule: Schedule, torchs: Torchs) -> None:
    assert our_rates(schedule) == pytest.approx(torchs_rates(torchs), rel=1e-5, abs=1e-7)


def test_one_cycle_has_torchs_start_peak_and_end() -> None:
    rates = our_rates(OneCycle(peak_at=0.5))
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.index(max(rates)) == 30
    assert max(rates) == 1
    end = OneCycle(peak_at=0.5).factor_of_step(STEPS, 60)(60)
    assert end == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_changes_when_torchs_does(mode: Literal["min", "max"]) -> None:
    scores = torch.rand(60, generator=torch.Generator().manual_seed(0)).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    torchs = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=3, threshold=0.0, min_lr=0.01, eps=0
    )
    ours = Plateau(gamma=0.5, patience=3, min_factor=0.01)
    factor = ours.factor_of_step(STEPS, STEPS * EPOCHS)
    for score in scores:
        torchs.step(score)
        ours.observe(score, mode)
        assert factor(7) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert factor(7) == 0.01


def test_plateau_lowers_the_rate_of_the_next_epoch_at_once(mlp_lab: CommandLine) -> None:
    words = ["--model.schedule=Plateau", "--model.schedule.patience=0", "--trainer.max_epochs=3"]
    # A net that cannot change: its accuracy never gets better than after the first epoch.
    still = ["--model.net.init=zeros", "--model.net.bias=false"]
    for steps in (1, 16):
        outcome = mlp_lab(*FIT[:3], *words, *still, f"--data.steps_per_execution={steps}")
        rows = read_rows(outcome.run_dir / "metrics.csv")
        rates = [float(row["lr"]) for row in rows if row["lr"]]
        assert rates == pytest.approx([1e-3] * 40 + [1e-4] * 20)


def test_by_epoch_stays_the_same_for_an_epoch() -> None:
    by_step, by_epoch = our_rates(Cosine()), our_rates(Cosine(by="epoch"))
    assert by_epoch[::STEPS] == by_step[::STEPS]
    assert all(len(set(by_epoch[n : n + STEPS])) == 1 for n in range(0, STEPS * EPOCHS, STEPS))


def test_warmup_rises_evenly_and_the_rest_follows() -> None:
    rates = our_rates(Linear(warmup_epochs=2))
    assert rates[:20] == pytest.approx([(n + 1) / 20 for n in range(20)])
    assert rates[20:] == pytest.approx([1 - n / 40 for n in range(40)])
    by_epoch = our_rates(Constant(by="epoch", warmup_epochs=2))
    assert sorted(set(by_epoch)) == pytest.approx([0.5, 1.0])


def test_warmup_may_take_the_whole_training() -> None:
    factor = Cosine(warmup_epochs=2).factor_of_step(10, 20)
    assert [factor(0), factor(19), factor(20)] == pytest.approx([0.05, 1.0, 1.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(warmup_epochs=-1), "model.schedule.warmup_epochs is -1"),
        (lambda: StepDecay(0), "model.schedule.every_epochs is 0"),
        (lambda: OneCycle(1.0), "model.schedule.peak_at is 1.0"),
        (lambda: Plateau(gamma=1.5), "model.schedule.gamma is 1.5"),
        (lambda: Plateau(patience=-1), "model.schedule.patience is -1"),
    ],
)
def test_impossible_arguments_are_refused(make: Callable[[], Schedule], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


FIT = ["fit", "--data.source=Digits", "--data.batch_size=64", "--model.schedule.warmup_epochs=0.5"]


def run_for(mlp_lab: CommandLine, kind: str, epochs: int) -> Path:
    words = [*FIT[:3], f"--model.schedule={kind}", FIT[3], f"--trainer.max_epochs={epochs}"]
    outcome = mlp_lab(*words)
    assert outcome.code == 0, outcome.err
    return outcome.run_dir


def test_rates_are_logged_at_each_step(mlp_lab: CommandLine) -> None:
    rows = read_rows(run_for(mlp_lab, "Cosine", 3) / "metrics.csv")
    rates = [float(row["lr"]) for row in rows if row["lr"]]
    assert len(rates) == 3 * math.ceil(1258 / 64)
    factor = Cosine(warmup_epochs=0.5).factor_of_step(20, 60)
    assert rates == pytest.approx([0.001 * factor(step) for step in range(60)])


@pytest.mark.parametrize("kind", some_slow(["Constant", "StepDecay", "Plateau"], ["Plateau"]))
def test_more_epochs_are_exact_without_a_horizon(mlp_lab: CommandLine, kind: str) -> None:
    whole, part = run_for(mlp_lab, kind, 4), run_for(mlp_lab, kind, 2)
    assert mlp_lab("fit", f"--run_dir={part}", "--trainer.max_epochs=4").code == 0
    assert_same_training(whole, part)


@pytest.mark.parametrize("kind", ["Linear", "Cosine", "OneCycle"])
def test_more_epochs_are_refused_with_a_horizon(mlp_lab: CommandLine, kind: str) -> None:
    run_dir = run_for(mlp_lab, kind, 2)
    before = (run_dir / "config.yaml").read_bytes()
    outcome = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=4")
    assert outcome.code == 2
    assert "trainer.max_epochs is 4, but the run began with 2" in outcome.err
    assert f"its schedule {kind} stretches over all of it" in outcome.err
    assert (run_dir / "config.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "kind",
    some_slow(["StepDecay", "Linear", "Cosine", "OneCycle", "Plateau"], ["OneCycle", "Plateau"]),
)
def test_a_stopped_run_takes_the_schedule_up(mlp_lab: CommandLine, kind: str) -> None:
    whole = run_for(mlp_lab, kind, 3)
    with killed_at_step(50):
        run_for(mlp_lab, kind, 3)
    killed = whole.parent / "version_1"
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)
