"""One study as several workers see it, in one process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.cli.commands.sweep_study import print_trial
from mlp_lab.errors import (
    ChecksumError,
    ConfigError,
    DatasetNotFoundError,
    InUseError,
    MissingExtraError,
    MLPLabWarning,
    WorkerError,
    WriteError,
)
from mlp_lab.runs.run import Run
from mlp_lab.sweep.grid import Grid
from mlp_lab.sweep.storage import GRACE_SECONDS
from mlp_lab.sweep.study import Claim, Result, Score, Study
from mlp_lab.sweep.study_workers import Work, work_on
from mlp_lab.sweep.trials import SweepDir

DONE = Result("complete", 0.5, "", 1.0)
FAILED = Result("failed", None, "no good", 1.0)


def fit(*_: object, **__: object) -> int:
    return 0


def ignore(*_: object) -> None:
    pass


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Two trials in a journal."""
    grid = Grid([], [], {"model.optimizer.lr": ["0.1", "0.2"]}, [0])
    return Work(SweepDir(tmp_path / "lab", grid), None, Score("val/acc", "max"), fit, ignore)


@pytest.fixture
def join(work: Work) -> Iterator[Callable[[], Study]]:
    """What makes a worker of its own."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(work.joined())


def test_a_trial_that_was_claimed_and_finished_meanwhile_is_left_out(
    join: Callable[[], Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = join(), join()
    listed = slow.trials()
    first = quick.claim()
    assert first is not None
    quick.tell(first, DONE)
    monkeypatch.setattr(slow, "trials", lambda *_: listed)
    second = slow.claim()
    assert second is not None
    assert (first.number, second.number) == (0, 1)
    quick.tell(second, DONE)
    assert slow.claim() is None


def test_workers_without_a_common_directory_of_runs_are_refused(work: Work, tmp_path: Path) -> None:
    shared = replace(work, url=f"sqlite:///{tmp_path / 'study.db'}")
    elsewhere = replace(shared, sweep=SweepDir(tmp_path / "b" / "lab", work.sweep.grid))
    message = (
        rf"^The study 'lab' in .* has its runs in another directory than '{tmp_path}/b/lab'\. Give "
        r"the --runs_dir that it began with, on a disk that all its machines share, or a name of "
        r"its own with --experiment\.$"
    )
    with shared.joined() as study:
        with pytest.raises(ConfigError, match=message), elsewhere.joined():
            pass
        assert len(study.trials()) == 2
        assert study.claim() is not None
        # One that began in the same moment has said last where its runs are.
        study.study.set_user_attr("directory", elsewhere.sweep.read_identity())
        with pytest.raises(ConfigError, match=r"another directory than"):
            study.claim()


def test_a_worker_with_other_code_is_told_what_differs(
    join: Callable[[], Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = {"commit": "0123456", "mlp_lab": "0.2.0", "torch": "2.9.0"}
    monkeypatch.setattr("mlp_lab.sweep.study.describe_code", lambda: begun)
    join().warn_of_other_code()
    monkeypatch.setattr(
        "mlp_lab.sweep.study.describe_code",
        lambda: begun | {"commit": "89abcde changed", "torch": "2.8.0"},
    )
    message = (
        r"^The study 'lab' was begun with commit 0123456, torch 2\.9\.0; here is commit 89abcde "
        r"changed, torch 2\.8\.0\. Numbers may differ between the two: compare trials that ran "
        r"with the same\.$"
    )
    with pytest.warns(MLPLabWarning, match=message):
        join().warn_of_other_code()


def test_what_another_has_told_stays(join: Callable[[], Study]) -> None:
    study = join()
    claim = study.claim()
    assert claim is not None
    study.tell(claim, DONE)
    study.tell(claim, FAILED)
    states: list[Any] = [trial.state.name for trial in study.trials()]
    assert states == ["COMPLETE", "WAITING"]
    assert study.failures() == {}


def claim_from(study: Study) -> Claim:
    claim = study.claim()
    assert claim is not None
    return claim


def worker_in(study: Study, claim: Claim) -> str | None:
    return study.leases.worker_of(study.trials()[claim.number])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock of leases shows, which a test sets."""
    shown = [1000.0]
    monkeypatch.setattr("mlp_lab.sweep.leases.time.monotonic", lambda: shown[0])
    return shown


@pytest.mark.parametrize("hours", [-9, 9])
def test_a_trial_without_a_name_is_taken_after_a_while_whatever_another_clock_shows(
    join: Callable[[], Study], clock: list[float], monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    killed, other = join(), join()
    (trial, _) = killed.trials()
    # A worker elsewhere is killed between these two steps of a claim.
    killed._base.set_trial_state_values(trial._trial_id, killed._states.RUNNING)
    listed = other.trials

    def list_by_that_clock(*states: Any) -> list[Any]:
        found = listed(*states)
        for each in found:
            each.datetime_start = datetime.now() + timedelta(hours=hours)
        return found

    monkeypatch.setattr(other, "trials", list_by_that_clock)
    assert claim_from(other).number == 1
    clock[0] += GRACE_SECONDS - 1
    assert other.claim() is None
    clock[0] += 2
    assert claim_from(other).number == 0


def test_a_trial_in_use_keeps_its_worker_and_does_not_hold_up_the_others(
    join: Callable[[], Study], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = join(), join()
    owned = claim_from(owner)
    # As where a file system does not share locks.
    monkeypatch.setattr("mlp_lab.sweep.leases.is_held", lambda _: False)
    taken = claim_from(other)
    assert taken.number == owned.number
    assert worker_in(other, taken) == other.worker
    with (
        pytest.raises(InUseError),
        other.leases.kept(taken.trial._trial_id, taken.worker_before),
    ):
        raise InUseError("it is")
    assert worker_in(other, taken) == owner.worker
    assert claim_from(other).number == 1
    clock[0] += GRACE_SECONDS + 1
    assert claim_from(other).number == owned.number


def test_an_interrupted_worker_puts_back_what_is_its_own_alone(
    join: Callable[[], Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, other = join(), join()
    owned = claim_from(owner)
    with (
        pytest.raises(KeyboardInterrupt),
        owner.leases.kept(owned.trial._trial_id, owned.worker_before),
    ):
        raise KeyboardInterrupt
    assert worker_in(owner, owned) == ""
    taken = claim_from(other)
    with (
        pytest.raises(KeyboardInterrupt),
        owner.leases.kept(owned.trial._trial_id, owned.worker_before),
    ):
        raise KeyboardInterrupt
    assert worker_in(owner, taken) == other.worker


def open_run(work: Work, words: Sequence[str], opened: Callable[[Run], None]) -> Run:
    run = Run.create(work.sweep.dir.parent, "lab", "config: 1", manifest={"status": "running"})
    opened(run)
    return run


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize(
    "failure",
    [
        DatasetNotFoundError("No KMNIST files."),
        ChecksumError("It is damaged."),
        WriteError("The disk is full."),
        MissingExtraError("wandb is missing."),
        PermissionError("Not yours."),
    ],
)
def test_what_a_machine_lacks_ends_its_worker_and_leaves_the_trials_to_the_others(
    join: Callable[[], Study], work: Work, failure: Exception, begins: bool
) -> None:
    def fail(words: Sequence[str], *, opened: Callable[[Run], None], **_: object) -> int:
        if begins:
            open_run(work, words, opened)
        raise failure

    poor, other = join(), join()
    with pytest.raises(WorkerError, match=r"^lr 0.1  seed 0 is put back, since this.*: .*\.$") as e:
        work_on(poor, replace(work, fit=fail))
    assert str(failure) in str(e.value)
    assert e.value.exit_code == 1
    assert [trial.state.name for trial in poor.trials()] == ["RUNNING", "WAITING"]
    assert claim_from(other).number == 0


@pytest.mark.parametrize("failure", [ConfigError("They cannot go together."), RuntimeError("no")])
def test_what_fails_by_its_settings_is_a_failed_trial_unless_it_was_begun_elsewhere(
    join: Callable[[], Study], work: Work, failure: Exception
) -> None:
    def fail(words: Sequence[str], **_: object) -> int:
        raise failure

    def begin(words: Sequence[str], *, opened: Callable[[Run], None], **_: object) -> int:
        open_run(work, words, opened)
        raise KeyboardInterrupt

    study = join()
    with pytest.raises(KeyboardInterrupt):
        work_on(study, replace(work, fit=begin))
    with pytest.raises(WorkerError, match="this machine cannot train it"):  # fewer cores, say
        work_on(study, replace(work, fit=fail))
    study.tell(claim_from(study), DONE)
    work_on(study, replace(work, fit=fail))
    assert [trial.state.name for trial in study.trials()] == ["COMPLETE", "FAIL"]


def test_importances_are_asked_for_again_where_the_storage_fails(
    join: Callable[[], Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = join()
    asked = []

    def retry(operation: Callable[[], Any], *_: object) -> Any:
        asked.append(operation())
        return asked[-1]

    monkeypatch.setattr(
        import_module("optuna.importance"), "get_param_importances", lambda _: {"lr": 1.0}
    )
    monkeypatch.setattr(study.storage, "retry", retry)
    assert study.record()["importances"] == {"lr": 1.0}
    assert {"lr": 1.0} in asked


def test_what_is_printed_of_a_trial_cannot_control_the_terminal(
    join: Callable[[], Study], capsys: pytest.CaptureFixture[str]
) -> None:
    study = join()
    print_trial(study, claim_from(study), Result("failed", None, "a\x1b[2Jb", 1.0), set())
    assert capsys.readouterr().out == "0/2  lr 0.1  seed 0  failed: a\\x1b[2Jb\n"
