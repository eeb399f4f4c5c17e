"""Factors equal those of torch's schedulers, and a resumed run continues them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.optim import lr_scheduler

from mlp_lab.errors import ConfigError
from mlp_lab.files.plain_types import describe
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
from mlp_lab.tasks.schedule import Interval
from tests.conftest import CommandLine
from tests.helpers.slow import some_slow
from tests.helpers.training import assert_same_training, killed_at_step

STEPS, EPOCHS = 10, 6

MakeScheduler = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]


def rates_of_torch(make: MakeScheduler) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS * EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates_of(schedule: Schedule) -> list[float]:
    factor = schedule.factor_of_step(STEPS, STEPS * EPOCHS)
    return [factor(step) for step in range(STEPS * EPOCHS)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (StepDecay(2, 0.5), lambda o: lr_scheduler.StepLR(o, 2 * STEPS, 0.5)),
        (MultiStepDecay([1, 4.5]), lambda o: lr_scheduler.MultiStepLR(o, [STEPS, 45], 0.1)),
        (Linear(0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, STEPS * EPOCHS)),
        (Cosine(0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS * EPOCHS, 0.01)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rates_equal_those_of_torch(schedule: Schedule, expected: MakeScheduler) -> None:
    assert rates_of(schedule) == pytest.approx(rates_of_torch(expected), rel=1e-5, abs=1e-7)


def test_one_cycle_has_start_peak_and_end_of_torch() -> None:
    rates = rates_of(OneCycle(peak_at=0.5))
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.index(max(rates)) == 30
    assert max(rates) == 1
    end = OneCycle(peak_at=0.5).factor_of_step(STEPS, 60)(60)
    assert end == pytest.approx(1 / 25 / 1e4)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_changes_when_reduce_lr_on_plateau_does(mode: Literal["min", "max"]) -> None:
    scores = torch.rand(60, generator=torch.Generator().manual_seed(0)).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    expected = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=3, threshold=0.0, min_lr=0.01, eps=0
    )
    schedule = Plateau(gamma=0.5, patience=3, min_factor=0.01)
    factor = schedule.factor_of_step(STEPS, STEPS * EPOCHS)
    for score in scores:
        expected.step(score)
        schedule.observe(score, mode)
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
    by_step, by_epoch = rates_of(Cosine()), rates_of(Cosine(by="epoch"))
    assert by_epoch[::STEPS] == by_step[::STEPS]
    assert all(len(set(by_epoch[n : n + STEPS])) == 1 for n in range(0, STEPS * EPOCHS, STEPS))


def test_warmup_rises_evenly_and_the_rest_follows() -> None:
    rates = rates_of(Linear(warmup_epochs=2))
    assert rates[:20] == pytest.approx([(n + 1) / 20 for n in range(20)])
    assert rates[20:] == pytest.approx([1 - n / 40 for n in range(40)])
    by_epoch = rates_of(Constant(by="epoch", warmup_epochs=2))
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
def test_a_resumed_run_continues_the_schedule(mlp_lab: CommandLine, kind: str) -> None:
    whole = run_for(mlp_lab, kind, 3)
    with killed_at_step(50):
        run_for(mlp_lab, kind, 3)
    killed = whole.parent / "version_1"
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)


def test_shared_arguments_follow_those_of_the_schedule() -> None:
    assert describe(OneCycle(start=0.1, by="epoch")) == {
        "class_path": "mlp_lab.tasks.schedule.OneCycle",
        "init_args": {
            "peak_at": 0.3,
            "start": 0.1,
            "final": 4e-6,
            "by": "epoch",
            "warmup_epochs": 0.0,
        },
    }
    assert list(describe(MultiStepDecay([1, 2.5]))["init_args"].values()) == [
        *([1, 2.5], 0.1, "step", 0.0)
    ]


@pytest.mark.parametrize(
    ("kind", "by"),
    [("Cosine", "Whether the rate changes"), ("Plateau", "Whether the warm-up rises")],
)
def test_help_explains_every_argument(
    mlp_lab: CommandLine, capsys: pytest.CaptureFixture[str], kind: str, by: str
) -> None:
    with pytest.raises(SystemExit):
        mlp_lab("fit", f"--model.schedule.help={kind}")
    text = " ".join(capsys.readouterr().out.split())
    assert f"--schedule.by {{step,epoch}} {by} at every ``step``" in text
    assert "--schedule.warmup_epochs WARMUP_EPOCHS Epochs, or parts of one, in which" in text


def test_plateau_continues_from_its_state() -> None:
    schedule, resumed = Plateau(patience=1), Plateau(patience=1)
    for score in (0.5, 0.4):
        schedule.observe(score, "max")
    resumed.load_state_dict(schedule.state_dict())
    assert resumed.state_dict() == {"factor": 1.0, "best": 0.5, "bad_validations": 1}
    resumed.observe(0.4, "max")
    assert resumed.factor(3, 9) == 0.1
    assert Constant().state_dict() == {}


def test_a_subclass_need_not_be_a_dataclass() -> None:
    class Halved(Schedule):
        def __init__(self, by: Interval = "step") -> None:
            super().__init__(by, 1.0)

        def factor(self, epoch: float, num_epochs: float) -> float:
            return 0.5

    schedule = Halved("epoch")
    assert (schedule.by, schedule.warmup_epochs) == ("epoch", 1.0)
    assert [schedule.factor_of_step(4, 12)(step) for step in (0, 3, 4, 11)] == [1.0, 1.0, 0.5, 0.5]
