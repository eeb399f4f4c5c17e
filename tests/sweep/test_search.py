"""A sweep that searches, and one whose trials are in a database."""

import builtins
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from mlp_lab.errors import MLPLabWarning
from mlp_lab.runs.provenance import describe_code
from mlp_lab.runs.run import read_json
from mlp_lab.sweep.storage import PAUSES
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifests
from tests.helpers.small_table import words_of, write_small_table
from tests.sweep.helpers import GRID, SEARCH, write_search

PRUNED = SEARCH.replace("trials: 3", "trials: 4").replace("max_epochs=1", "max_epochs=4")
PRUNED += """
pruner: {class_path: optuna.pruners.ThresholdPruner, init_args: {lower: 0.8, n_warmup_steps: 1}}
sampler: {class_path: optuna.samplers.QMCSampler, init_args: {seed: 0}}
"""


def read_trials(lab: Path) -> list[Any]:
    trials: list[Any] = read_json(lab / "search.json")["trials"]
    return trials


def test_a_trial_is_a_setting_whose_value_is_the_mean_over_its_seeds(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
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
    other = describe_code() | {"torch": "1.0"}
    monkeypatch.setattr("mlp_lab.sweep.study.describe_code", lambda: other)
    message = r"The study 'lab' was begun with torch 2.*; here is torch 1\.0\. Numbers may differ"
    with pytest.warns(MLPLabWarning, match=message):
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


def test_notes_on_the_data_come_once_with_r2_of_a_regression(
    mlp_lab: CommandLine, lab: Path, tmp_path: Path
) -> None:
    words = words_of(write_small_table(tmp_path / "t.csv"), "price")
    (tmp_path / "lab.yaml").write_text(SEARCH.replace("--data.source=Moons, ", ""))
    text = (tmp_path / "t.csv").read_text().splitlines()
    rows = [f"{line},{'same' if n else 'extra'}" for n, line in enumerate(text)]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    with pytest.warns(MLPLabWarning):
        outcome = mlp_lab("sweep", "--grid=lab.yaml", "--trials=2", *words)
    assert outcome.code == 0
    assert outcome.err.count("with the same value in every row: left out") == 1
    pattern = r"^\d/2  trial .*  val/r2 \S+  val/rmse \S+  val/loss of scaled targets \S+  "
    assert len(re.findall(pattern, outcome.out, re.MULTILINE)) == 2
