"""A search that cannot be is refused in one sentence, before anything runs."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.sweep.helpers import GRID, SEARCH, write_search


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lr:", "lrr:", "'lrr'"),
        ("high: 0.1", "high: text", "search model.optimizer.lr: high is 'text'"),
        ("trials: 3", "", "search needs trials"),
        (
            "trials: 3",
            "trials: 3\nsampler: TPSampler",
            "There is no sampler 'TPSampler'. Did you m",
        ),
        (
            "trials: 3",
            "trials: 3\npruner: MedianPrunr",
            "There is no pruner 'MedianPrunr'. Did you",
        ),
        (
            "trials: 3",
            "trials: 3\nsampler: GridSampler",
            "GridSampler cannot be used here: it ends a stu",
        ),
        ("trials: 3", "trials: 3\nsampler: CmaEsSampler", "here: it unpickles what it finds"),
        (
            "trials: 3",
            "trials: 3\nsampler: {class_path: TPESampler, init_args: {sed: 1}}",
            "sampler TPESampler cannot be made: .*'sed'",
        ),
        (
            "model.optimizer.lr: {low: 0.0001, high: 0.1, log: true}",
            "data.batch_size: {low: 1.5, high: 8.0}",
            "data.batch_size is '1.5'",
        ),
        ("trials: 3", "trials: 600", "The search has 1,200 trials. If that is what you want"),
        (
            "  model.optimizer.lr",
            "  model: [mlp_lab.tasks.ClassificationTask, mlp_lab.tasks.RegressionTask]\n"
            "  model.optimizer.lr",
            "Some settings are scored by val/acc and others by val/loss",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_runs(
    mlp_lab: CommandLine, lab: Path, old: str, new: str, message: str
) -> None:
    write_search(lab, SEARCH.replace(old, new))
    outcome = mlp_lab("sweep", "--grid=lab.yaml")
    assert outcome.code == 2
    assert re.search(message, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1
    assert not lab.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("high: 0.1", "high: 0.2", "search model.optimizer.lr differ"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("seeds: [0, 1]", "seeds: [0, 1, 2]", "seeds differ"),
                ("max_epochs=1", "max_epochs=3", "flags differ"),
                ("search:", "set: {data.batch_size: [8, 16]}\nsearch:", "data.batch_size differ"),
            ]
        ),
    ],
)
def test_another_search_under_the_same_name_is_refused(
    mlp_lab: CommandLine, lab: Path, old: str, new: str, message: str
) -> None:
    write_search(lab)
    url = f"--storage=sqlite:///{lab.parent.parent / 'study.db'}"
    assert mlp_lab("sweep", "--grid=lab.yaml", url, "--trials=1").code == 0
    write_search(lab, SEARCH.replace(old, new))
    outcome = mlp_lab("sweep", "--grid=lab.yaml", url)
    assert outcome.code == 2
    assert re.search(f"'runs/lab' is of another grid: .*{message}", outcome.err), outcome.err
    # A directory of another machine does not know it, but the study does.
    outcome = mlp_lab("sweep", "--grid=lab.yaml", url, "--runs_dir=elsewhere")
    assert outcome.code == 2
    begin = "The study 'lab' in 'sqlite:///.*study.db' is of another sweep"
    assert re.search(f"{begin}: .*{message}", outcome.err), outcome.err


def test_a_search_is_not_gone_on_with_as_a_grid(mlp_lab: CommandLine, lab: Path) -> None:
    write_search(lab)
    assert mlp_lab("sweep", "--grid=lab.yaml", "--trials=1").code == 0
    write_search(lab, SEARCH.partition("search:")[0])
    outcome = mlp_lab("sweep", "--grid=lab.yaml")
    assert outcome.code == 2
    assert "is of another grid: search model.optimizer.lr differ" in outcome.err


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("no url", 2, "storage is no URL of a database; write --storage postgresql\\+psycopg://"),
        (
            "postgres://user:hidden@host/db",
            2,
            "storage 'postgres://host/db' names 'postgres', which",
        ),
        ("oracle://user:hidden@host/db", 2, "The driver of storage 'oracle://host/db' is not inst"),
        (
            "postgresql+psycopg://user:hidden@127.0.0.1:1/db?sslpassword=hidden",
            1,
            "storage 'postgresql\\+psycopg://127.0.0.1:1/db' cannot be reached: .*Check that it is",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_a_sentence_without_its_secrets(
    mlp_lab: CommandLine,
    lab: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    code: int,
    message: str,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("mlp_lab.sweep.storage.time.sleep", pauses.append)
    outcome = mlp_lab(*GRID, "--storage", url)
    assert outcome.code == code
    assert re.search(message, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1
    assert "hidden" not in outcome.out + outcome.err
    assert pauses == ([1, 2, 4] if code == 1 else [])
    assert not list(lab.glob("version_*"))


@pytest.mark.slow
def test_a_missing_extra_is_a_sentence(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_search(lab)
    monkeypatch.setitem(sys.modules, "optuna", None)
    outcome = mlp_lab("sweep", "--grid=lab.yaml")
    assert outcome.code == 2
    assert 'Run: pip install "mlp-lab[search]"' in outcome.err
    assert not lab.exists()
    assert mlp_lab(*GRID).code == 0  # which needs none of it


@pytest.mark.slow
def test_what_somebody_else_writes_into_a_study_is_not_typed(
    mlp_lab: CommandLine, lab: Path
) -> None:
    import optuna
    from optuna.distributions import CategoricalDistribution

    url = f"sqlite:///{lab.parent.parent / 'study.db'}"
    assert mlp_lab(*GRID, f"--storage={url}").code == 0
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name="lab", storage=storage)
    foreign = optuna.trial.create_trial(
        state=optuna.trial.TrialState.WAITING,
        params={"model.optimizer.lr": "0.5", "trainer.plugins": "os.system"},
        distributions={
            key: CategoricalDistribution(choices)
            for key, choices in {
                "model.optimizer.lr": ["0.001", "0.03", "0.5"],
                "trainer.plugins": ["os.system"],
            }.items()
        },
        user_attrs={"seed": 0},
    )
    with pytest.raises(ValueError, match="dynamic value space"):
        study.add_trial(foreign)
    del foreign.distributions["model.optimizer.lr"], foreign.params["model.optimizer.lr"]
    study.add_trial(foreign)
    outcome = mlp_lab(*GRID, f"--storage={url}")
    storage.engine.dispose()
    assert outcome.code == 2
    assert "Trial 4 of the study 'lab' has model.optimizer.lr None, which is no va" in outcome.err
