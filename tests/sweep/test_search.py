"""A sweep that searches, and one whose trials are in a database."""

import builtins
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from mlp_lab.runs.run import read_json
from mlp_lab.sweep.storage import PAUSES
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifests

SEARCH = """
flags: [--data.source=Moons, --trainer.max_epochs=1]
seeds: [0, 1]
search:
  model.optimizer.lr: {low: 0.0001, high: 0.1, log: true}
trials: 3
"""
GRID = [
    *("sweep", "--data.source=Moons", "--trainer.max_epochs=2"),
    *("--set=model.optimizer.lr=0.001,0.03", "--seeds=0,1", "--experiment=lab"),
]
PRUNED = SEARCH.replace("trials: 3", "trials: 4").replace("max_epochs=1", "max_epochs=4")
PRUNED += """
pruner: {class_path: optuna.pruners.ThresholdPruner, init_args: {lower: 0.8, n_warmup_steps: 1}}
sampler: {class_path: optuna.samplers.QMCSampler, init_args: {seed: 0}}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Where a search of the file lab.yaml goes."""
    return tmp_path / "runs" / "lab"


def write_search(lab: Path, content: str = SEARCH) -> None:
    (lab.parent.parent / "lab.yaml").write_text(content)


def read_trials(lab: Path) -> list[Any]:
    trials: list[Any] = read_json(lab / "search.json")["trials"]
    return trials


def test_a_trial_is_a_setting_whose_value_is_the_mean_over_its_seeds(
    mlp_lab: CommandLine, lab: Path
) -> None:
    write_search(lab)
    outcome = mlp_lab("sweep", "--grid=lab.yaml", "--trials=2")  # wins over the file
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line for line in outcome.out.splitlines() if re.match(r"\d/2 ", line)]
    assert [line.split("  ")[:2] for line in lines] == [["1/2", "trial 0"], ["2/2", "trial 1"]]
    trials = read_trials(lab)
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    for trial in trials:
        rate = trial["params"]["model.optimizer.lr"]
        scores = [
            read_json(run / "metrics.json")["val/acc"]
            for run in lab.glob("version_*")
            if f"lr: {rate!r}" in (run / "config.yaml").read_text()
        ]
        assert len(scores) == 2
        assert trial["value"] == pytest.approx(sum(scores) / 2)
    report = (lab / "report.html").read_text()
    assert "The best was chosen among 2 settings, by validation accuracy" in report
    assert 'alt="Optimisation history"' in report
    before = read_manifests(lab)
    outcome = mlp_lab("sweep", "--grid=lab.yaml")  # goes on to the file's three
    assert "3 trials, 2 of them done before" in outcome.out
    after = read_manifests(lab)
    assert len(after) == 6
    assert {name: after[name] for name in before} == before


def test_what_is_pruned_is_not_tested_and_listed_apart(mlp_lab: CommandLine, lab: Path) -> None:
    write_search(lab, PRUNED)
    outcome = mlp_lab("sweep", "--grid=lab.yaml")
    assert (outcome.code, outcome.err) == (0, "")
    states = [trial["state"] for trial in read_trials(lab)]
    assert {*states} == {"complete", "pruned"}
    manifests = read_manifests(lab)
    pruned = {name for name, m in manifests.items() if m["status"] == "pruned"}
    # The first seed alone decides, and the others of a pruned setting are not begun.
    assert len(pruned) == states.count("pruned")
    assert len(manifests) == len(pruned) + 2 * states.count("complete")
    for name in pruned:
        assert manifests[name]["seed"] == 0
        assert (lab / name / "checkpoints" / "last.ckpt").is_file()
        assert "test/acc" not in read_json(lab / name / "metrics.json")
        assert not (lab / name / "model.onnx").exists()
    assert f"pruned: {len(pruned)} runs, listed in the report" in outcome.out
    text_of_report = (lab / "report.md").read_text()
    section = text_of_report.partition("## Pruned")[2]
    assert {*re.findall(r"lab/(version_\d)", section)} == pruned
    assert f"4 settings, {len(pruned)} of which were given up early" in text_of_report
    assert "Left out" not in text_of_report
    name = min(pruned)
    assert mlp_lab("fit", f"--run_dir={lab / name}", "--figures=false", "--onnx=false").code == 0
    assert read_manifests(lab)[name]["status"] == "finished"  # by hand it goes on


@pytest.mark.slow
def test_a_seed_of_the_sampler_repeats_a_search_of_one_process(
    mlp_lab: CommandLine, lab: Path
) -> None:
    write_search(lab, f"{SEARCH}\nsampler: {{class_path: RandomSampler, init_args: {{seed: 3}}}}")
    for name in ("one", "two"):
        words = ("--trials=2", "--seeds=0", f"--experiment={name}")
        assert mlp_lab("sweep", "--grid=lab.yaml", *words).code == 0
    one, two = ([t["params"] for t in read_trials(lab.parent / name)] for name in ("one", "two"))
    assert one == two
    # What is added later does not begin with the same numbers.
    words = ("--trials=4", "--seeds=0", "--experiment=two")
    assert mlp_lab("sweep", "--grid=lab.yaml", *words).code == 0
    assert len({str(trial["params"]) for trial in read_trials(lab.parent / "two")}) == 4


@pytest.mark.slow
def test_a_grid_in_a_database_is_trained_as_if_alone(mlp_lab: CommandLine, lab: Path) -> None:
    url = f"sqlite:///{lab.parent.parent / 'study.db'}"
    outcome = mlp_lab(*GRID, f"--storage={url}")
    assert (outcome.code, outcome.err) == (0, "")
    lines = re.findall(r"^(\d/4  lr \S+  seed \d)  val/acc", outcome.out, re.MULTILINE)
    assert lines == [
        f"{n + 1}/4  lr {lr}  seed {seed}"
        for n, (lr, seed) in enumerate((lr, seed) for lr in ("0.001", "0.03") for seed in (0, 1))
    ]
    assert mlp_lab(*GRID[:-1], "--experiment=alone").code == 0
    for number in range(4):
        one, two = (
            (lab.parent / name / f"version_{number}" / "metrics.csv").read_bytes()
            for name in ("lab", "alone")
        )
        assert one == two
    # The same directory goes on without the database.
    outcome = mlp_lab(*GRID[:-2], "--seeds=0,1,2", "--experiment=lab")
    assert "6 trials, 4 of them done before" in outcome.out


@pytest.mark.slow
def test_what_has_failed_is_done_again_by_the_next_command(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*GRID, f"--storage=sqlite:///{lab.parent.parent / 'study.db'}"]
    from mlp_lab.tasks import Task

    with monkeypatch.context() as patch:

        def fail(self: Task, *_: object) -> None:
            if self.optimizer.keywords["lr"] == 0.03:  # type: ignore[attr-defined]  # a partial
                raise RuntimeError("the device is gone")

        patch.setattr(Task, "on_train_start", fail)
        outcome = mlp_lab(*words)
    assert outcome.code == 1
    assert "failed: lr 0.03  seed 0: RuntimeError: the device is gone" in outcome.err
    outcome = mlp_lab(*words)
    assert (outcome.code, outcome.err) == (0, ""), outcome.out
    assert "6 trials, 4 of them done before" in outcome.out
    assert [m["status"] for m in read_manifests(lab).values()] == ["finished"] * 4


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
        ("bogus://user:hidden@host/db", 2, "storage 'bogus://host/db' cannot be used"),
        ("oracle://user:hidden@host/db", 2, "The driver of storage 'oracle://host/db' is not inst"),
        (
            "postgresql+psycopg://user:hidden@127.0.0.1:1/db?sslpassword=hidden",
            1,
            "storage 'postgresql\\+psycopg://127.0.0.1:1/db' cannot be reached: .*Nothing is lost",
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
def test_a_storage_that_fails_in_the_middle_is_tried_again_and_loses_nothing(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of intermediate values is taken away while a setting is trained."""
    write_search(lab, PRUNED)
    database = lab.parent.parent / "study.db"
    engine = create_engine(f"sqlite:///{database}")
    words = ("sweep", "--grid=lab.yaml", f"--storage=sqlite:///{database}", "--trials=2")
    rename = "ALTER TABLE trial_intermediate_values{} RENAME TO trial_intermediate_values{}"
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if not outlasts and len(pauses) == 2:
            move("_away", "")

    def move(old: str, new: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(rename.format(old, new)))

    from mlp_lab.callbacks import EpochLines

    moved = False

    def take_away(*_: object) -> None:
        nonlocal moved
        if not moved:
            moved = True
            move("", "_away")

    outlasts = False
    monkeypatch.setattr("mlp_lab.sweep.storage.time.sleep", wait)
    monkeypatch.setattr(EpochLines, "on_train_epoch_start", take_away)
    outcome = mlp_lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert pauses == [1, 2]

    outlasts, moved = True, False
    pauses.clear()
    outcome = mlp_lab(*words[:-1], "--trials=3")
    assert outcome.code == 1
    assert "study.db' cannot be reached: " in outcome.err
    assert "Nothing is lost; the same command goes on." in outcome.err
    assert outcome.err.count("\n") == 1
    assert pauses == [*PAUSES]
    move("_away", "")
    moved = True
    before = set(read_manifests(lab))
    assert mlp_lab(*words[:-1], "--trials=3").code == 0
    states = [trial["state"] for trial in read_trials(lab)]
    assert len(states) == 3
    assert {*states} <= {"complete", "pruned"}
    assert before <= set(read_manifests(lab))
    assert {m["status"] for m in read_manifests(lab).values()} <= {"finished", "pruned"}
    engine.dispose()


@pytest.mark.slow
def test_slurms_variables_are_not_the_trials(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_search(lab)
    for name, value in {"NTASKS": 20, "PROCID": 3, "LOCALID": 3, "JOB_ID": 1, "NODEID": 0}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("SLURM_JOB_NAME", "lab")
    outcome = mlp_lab("sweep", "--grid=lab.yaml", "--trials=1")
    assert (outcome.code, outcome.err) == (0, "")
    assert {m["processes"] for m in read_manifests(lab).values()} == {1}


@pytest.mark.slow
def test_a_plain_grid_never_loads_optuna(mlp_lab: CommandLine, lab: Path) -> None:
    loaded = []
    load = builtins.__import__

    def watch(name: str, *rest: Any, **named: Any) -> Any:
        loaded.append(name)
        return load(name, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "__import__", watch)
        assert mlp_lab(*GRID).code == 0
    assert not [name for name in loaded if name.startswith(("optuna", "sqlalchemy"))]
    assert "search" not in json.loads((lab / "sweep.json").read_text())
    assert not (lab / "workers").exists()


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
