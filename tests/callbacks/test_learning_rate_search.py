from pathlib import Path

import pytest
import torch

from mlp_lab.callbacks import LearningRateSearch
from mlp_lab.data import Batch
from mlp_lab.errors import ConfigError
from mlp_lab.evaluation.range_test import RangeTest, evaluate_range_test
from mlp_lab.report.config_diff import effective_settings
from mlp_lab.report.run_files import read_summary
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.tasks import Task
from tests.conftest import CommandLine, Outcome
from tests.helpers.runs import read_metrics
from tests.helpers.training import assert_same_training, callbacks, killed_at_step

FIT = ["fit", "--data.source=Digits", "--trainer.max_epochs=2"]


SEARCH = callbacks(LearningRateSearch={"num_training_steps": 60})


@pytest.fixture
def search(mlp_lab: CommandLine) -> CommandLine:
    def run(*words: str) -> Outcome:
        outcome = mlp_lab(*FIT, SEARCH, *words)
        assert (outcome.code, outcome.err) == (0, "")
        return outcome

    return run


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_training_steps .* is 10; .* more than 20"):
        LearningRateSearch(num_training_steps=10)


def rates(run_dir: Path) -> list[float]:
    return [float(row["lr"]) for row in read_rows(run_dir / "metrics.csv") if row["lr"]]


def test_trains_with_what_it_finds_from_the_same_start(
    search: CommandLine, mlp_lab: CommandLine
) -> None:
    outcome = search()
    found = rates(outcome.run_dir)[0]
    assert set(rates(outcome.run_dir)) == {found}
    assert 1e-6 < found < 1
    path = outcome.run_dir / "plots" / "learning_rate_search.png"
    assert f"learning rate: {found:.2g}, see {path}" in outcome.out
    assert path.read_bytes().startswith(b"\x89PNG")
    # The search itself leaves no trace: a run with that rate from the start is the same.
    words = [f"--model.optimizer.lr={found!r}", "--data.steps_per_execution=1"]
    assert_same_training(mlp_lab(*FIT, *words).run_dir, outcome.run_dir)
    checkpoint = read_checkpoint(outcome.run_dir / "checkpoints" / "last.ckpt")
    assert checkpoint["hyper_parameters"]["optimizer"]["init_args"]["lr"] == found
    # Nobody reads the configured rate where another one was used.
    assert read_metrics(outcome.run_dir)["learning_rate"] == found
    assert f"{found:.4g}, found by the search" in (outcome.run_dir / "report.html").read_text()
    assert "model.optimizer.lr" not in effective_settings(read_summary(outcome.run_dir))


def test_a_rate_that_is_typed_too_is_refused(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab(*FIT, SEARCH, "--model.optimizer.lr=0.1")
    assert outcome.code == 2
    assert "model.optimizer.lr is typed, and the callback LearningRateSearch finds" in outcome.err


def test_the_losses_are_those_of_the_steps_and_not_averaged(
    search: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[float] = []
    tests: list[RangeTest] = []
    compute_loss = Task.compute_loss

    def record(self: Task, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        loss, outputs = compute_loss(self, batch)
        computed.append(loss.item())
        return loss, outputs

    def evaluate(rates: list[float], losses: list[float]) -> RangeTest:
        tests.append(evaluate_range_test(rates, losses))
        return tests[0]

    monkeypatch.setattr(Task, "compute_loss", record)
    monkeypatch.setattr("mlp_lab.callbacks.learning_rate_search.evaluate_range_test", evaluate)
    run_dir = search().run_dir
    (test,) = tests
    assert test.losses == pytest.approx(computed[: len(test.losses)])
    assert len(test.losses) > 40
    assert rates(run_dir)[0] == test.steepest


def test_the_number_of_epochs_does_not_matter(search: CommandLine) -> None:
    short, long = (search(f"--trainer.max_epochs={n}").run_dir for n in (1, 3))
    assert rates(short)[0] == rates(long)[0]


def test_schedules_start_from_what_it_finds(search: CommandLine) -> None:
    plain = rates(search().run_dir)[0]
    scheduled = rates(search("--model.schedule=Linear").run_dir)
    assert scheduled == pytest.approx([plain * (1 - n / 20) for n in range(20)])


def test_a_stopped_run_keeps_what_it_found(search: CommandLine, mlp_lab: CommandLine) -> None:
    words = ["--model.schedule=Cosine", "--data.batch_size=16"]  # 79 steps an epoch
    whole = search(*words).run_dir
    with killed_at_step(100):
        mlp_lab(*FIT, SEARCH, *words)
    killed = whole.parent / "version_1"
    outcome = mlp_lab("fit", f"--run_dir={killed}")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("learning rate:") == 1  # the killed run's
    assert_same_training(whole, killed)
    first, second = (
        read_checkpoint(run / "checkpoints" / "last.ckpt")["hyper_parameters"]
        for run in (whole, killed)
    )
    assert first == second


def test_killed_while_it_searches_it_begins_anew(search: CommandLine, mlp_lab: CommandLine) -> None:
    whole = search().run_dir
    with killed_at_step(20):
        mlp_lab(*FIT, SEARCH)
    killed = whole.parent / "version_1"
    (killed / ".lr_find_123.ckpt").touch()  # what a kill -9 leaves
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)
    assert not list(killed.glob(".lr_find*"))
