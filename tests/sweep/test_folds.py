"""``sweep --folds``: every sample predicted once, by a net that was trained without it."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp_lab.callbacks import EpochLines
from mlp_lab.processes.signals import Interrupted
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import read_json
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifests
from tests.sweep.helpers import write_search

DIGITS = ["--data.source=Digits", "--trainer.max_epochs=1"]
MOONS = ["--data.source=Moons", "--trainer.max_epochs=1"]


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def metrics_of(lab: Path, key: str) -> list[float]:
    runs = sorted(lab.glob("version_*"))
    return [read_json(run / "metrics.json")[key] for run in runs]


def test_each_sample_is_predicted_once_and_the_accuracy_is_that_of_the_folds(
    mlp_lab: CommandLine, lab: Path
) -> None:
    outcome = mlp_lab("sweep", *DIGITS, "--folds=3", "--experiment=lab")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.findall(r"^\d/3  (seed 0  fold \d)  val/acc", outcome.out, re.MULTILINE) == [
        f"seed 0  fold {fold}" for fold in range(3)
    ]
    assert "\nout-of-fold predictions: runs/lab/out_of_fold.csv\n" in outcome.out
    rows = read_table(lab / "out_of_fold.csv")
    assert list(rows[0])[:5] == ["fold", "index", "label", "predicted", "confidence"]
    indices = [int(row["index"]) for row in rows]
    assert indices == sorted({*indices})  # each once, in order
    assert len(indices) == 1797 - 359  # all but the test's fifth
    sizes = [
        manifest["data"]["samples"]["val"] for _, manifest in sorted(read_manifests(lab).items())
    ]
    assert sizes == [480, 479, 479]
    right = np.array([row["label"] == row["predicted"] for row in rows])
    scores = metrics_of(lab, "val/acc")
    assert right.mean() == pytest.approx(np.average(scores, weights=sizes), abs=1e-6)
    for fold, score in enumerate(scores):
        of_fold = np.array([row["fold"] == str(fold) for row in rows])
        assert right[of_fold].mean() == pytest.approx(score, abs=1e-6)


def test_a_fold_is_predicted_as_predict_does(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["--data.folds=3", "--data.fold=1", "--model.net.dropout=0.5"]
    outcome = mlp_lab("fit", *DIGITS, *words)
    assert "(validation = fold 1 of 3)" in outcome.out
    run = outcome.run_dir
    kept = Outputs.read(run / "validation_outputs.npz")
    assert mlp_lab("predict", f"--run_dir={run}", "--data.predict_split=val").code == 0
    rows = read_table(next(run.glob("**/predictions.csv")))
    assert [int(row["index"]) for row in rows] == kept.indices.tolist()
    shown = np.array([[float(row[str(k)]) for k in range(10)] for row in rows])
    np.testing.assert_allclose(kept.outputs, shown, atol=1e-6)
    assert "validation_outputs.npz" in read_json(run / "manifest.json")["results"]


@pytest.mark.slow
def test_targets_are_predicted_out_of_fold_in_their_own_units(
    mlp_lab: CommandLine, lab: Path
) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=2"]
    outcome = mlp_lab("sweep", *words, "--folds=2", "--seeds=0,1", "--experiment=lab")
    assert (outcome.code, outcome.err) == (0, "")
    rows = read_table(lab / "out_of_fold.csv")
    assert list(rows[0]) == ["seed", "fold", "index", "target", "predicted"]
    assert "  2 seeds x 2 folds  " in outcome.out
    for seed in ("0", "1"):
        own = [row for row in rows if row["seed"] == seed]
        assert len({row["index"] for row in own}) == len(own)
    errors = np.array([float(row["target"]) - float(row["predicted"]) for row in rows])
    squares = np.array(metrics_of(lab, "val/rmse")) ** 2
    sizes = [m["data"]["samples"]["val"] for _, m in sorted(read_manifests(lab).items())]
    assert (errors**2).mean() == pytest.approx(np.average(squares, weights=sizes), rel=1e-4)


@pytest.mark.slow
def test_a_stopped_cross_validation_goes_on(
    mlp_lab: CommandLine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sweep", *MOONS, "--folds=2", "--set=model.optimizer.lr=0.001,0.03"]

    def stop_at(trial: int) -> Callable[..., None]:
        seen: list[object] = []

        def stop(*_: Any) -> None:
            seen.append(None)
            if len(seen) == trial:
                raise Interrupted(15)

        return stop

    with monkeypatch.context() as patch:
        patch.setattr(EpochLines, "on_train_epoch_end", stop_at(4))
        assert mlp_lab(*words, "--experiment=lab").code == 143
    assert "lr 0.03, seed 0: no finished run of fold 1 of 2." in mlp_lab("report", lab).out
    outcome = mlp_lab(*words, "--experiment=lab")
    assert "4 trials, 3 of them done before" in outcome.out
    assert "no finished run" not in outcome.out
    rows = read_table(lab / "out_of_fold.csv")
    assert {row["setting"] for row in rows} == {"lr 0.001", "lr 0.03"}
    assert "folds differ" in mlp_lab(*words, "--folds=3", "--experiment=lab").err


@pytest.mark.slow
def test_folds_may_stand_in_a_file_and_what_is_typed_wins(
    mlp_lab: CommandLine, lab: Path, tmp_path: Path
) -> None:
    (tmp_path / "lab.yaml").write_text(f"flags: {MOONS}\nfolds: 3\n")
    outcome = mlp_lab("sweep", "--grid=lab.yaml", "--folds=2")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(read_manifests(lab)) == 2


@pytest.mark.slow
def test_a_search_scores_a_setting_by_all_its_folds(mlp_lab: CommandLine, lab: Path) -> None:
    write_search(lab)
    outcome = mlp_lab("sweep", "--grid=lab.yaml", "--trials=2", "--folds=2", "--seeds=0")
    assert (outcome.code, outcome.err) == (0, "")
    for trial in read_json(lab / "search.json")["trials"]:
        rate = trial["params"]["model.optimizer.lr"]
        scores = [
            read_json(run / "metrics.json")["val/acc"]
            for run in lab.glob("version_*")
            if f"lr: {rate!r}" in (run / "config.yaml").read_text()
        ]
        assert len(scores) == 2
        assert trial["value"] == pytest.approx(np.mean(scores))


@pytest.mark.slow
def test_a_grid_in_a_database_has_its_folds(mlp_lab: CommandLine, lab: Path) -> None:
    words = ["sweep", *MOONS, "--set=model.optimizer.lr=0.001,0.03", "--seeds=0,1", "--folds=2"]
    url = f"sqlite:///{lab.parent.parent / 'study.db'}"
    outcome = mlp_lab(*words, f"--storage={url}", "--experiment=lab")
    assert (outcome.code, outcome.err) == (0, "")
    assert mlp_lab(*words, "--experiment=alone").code == 0
    assert (lab / "out_of_fold.csv").read_text() == (
        lab.parent / "alone" / "out_of_fold.csv"
    ).read_text()
    assert (
        "8 trials, 8 of them done before"
        in mlp_lab(*words, f"--storage={url}", "--experiment=lab").out
    )
