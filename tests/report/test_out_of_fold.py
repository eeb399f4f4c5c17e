"""out_of_fold.csv: every sample once, by the net that was trained without it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.report.comparison import compare
from mlp_lab.report.out_of_fold import join_folds, write_out_of_fold
from mlp_lab.report.run_files import read_summary
from mlp_lab.runs.outputs import Outputs
from tests.report.helpers import write_run

YES, NO = [0.75, 0.25], [0.25, 0.75]


def write_fold(directory: Path, fold: int, indices: list[int], **settings: Any) -> Path:
    """Write a run that predicted "yes" of its first sample, and "no" of others, all of them yes."""
    run = write_run(directory, fold=fold, folds=2, split="two", **settings)
    outputs = np.array([YES, *[NO] * (len(indices) - 1)], dtype=np.float32)
    Outputs(outputs, np.zeros(len(indices), dtype=np.int64), np.array(indices)).write(
        run / "validation_outputs.npz"
    )
    return run


def written(out: Path, *runs: Path) -> tuple[str, list[str]]:
    comparisons, _ = compare([read_summary(run) for run in runs])
    (path,), problems = write_out_of_fold(comparisons, out)
    assert path == out / "out_of_fold.csv"
    return path.read_text(), problems


def test_folds_are_joined_in_the_order_of_the_samples(tmp_path: Path) -> None:
    runs = [write_fold(tmp_path / "a" / "0", 0, [0, 3]), write_fold(tmp_path / "a" / "1", 1, [1])]
    assert written(tmp_path, *runs) == (
        "fold,index,label,predicted,confidence,yes,no\n"
        "0,0,yes,yes,0.75,0.75,0.25\n"
        "1,1,yes,yes,0.75,0.75,0.25\n"
        "0,3,yes,no,0.75,0.25,0.75\n",
        [],
    )


def test_a_table_of_what_is_gone_does_not_stay(tmp_path: Path) -> None:
    run = write_fold(tmp_path / "a" / "0", 0, [0])
    written(tmp_path, run)
    (tmp_path / "out_of_fold_notes.csv").touch()
    (run / "validation_outputs.npz").unlink()
    comparisons, _ = compare([read_summary(run)])
    paths, (problem,) = write_out_of_fold(comparisons, tmp_path)
    assert paths == []
    assert "a, seed 0, is not among them" in problem
    assert [path.name for path in tmp_path.glob("*.csv")] == ["out_of_fold_notes.csv"]


def test_files_stand_behind_the_index(tmp_path: Path) -> None:
    run = write_fold(tmp_path / "a" / "0", 0, [4, 1])
    path = run / "validation_outputs.npz"
    replace(Outputs.read(path), files=np.array(["d/4.png", "d/1.png"])).write(path)
    text, _ = written(tmp_path, run)
    assert [line.split(",")[:4] for line in text.splitlines()] == [
        ["fold", "index", "file", "label"],
        *(["0", "1", "d/1.png", "yes"], ["0", "4", "d/4.png", "yes"]),
    ]


def test_settings_and_seeds_have_columns_where_there_are_several(tmp_path: Path) -> None:
    runs = [
        write_fold(tmp_path / name / f"{seed}{fold}", fold, [fold], seed=seed, lr=lr, val_acc=lr)
        for name, lr in (("a", 0.2), ("b", 0.1))
        for seed in (0, 1)
        for fold in (0, 1)
    ]
    text, _ = written(tmp_path, *runs)
    lines = [line.split(",")[:5] for line in text.splitlines()]
    assert lines[0] == ["setting", "seed", "fold", "index", "label"]
    assert lines[1:5] == [
        *(["a", "0", "0", "0", "yes"], ["a", "0", "1", "1", "yes"]),
        *(["a", "1", "0", "0", "yes"], ["a", "1", "1", "1", "yes"]),
    ]
    assert [line[0] for line in lines[5:]] == ["b"] * 4


def test_what_is_not_there_or_damaged_is_named_and_the_rest_is_joined(tmp_path: Path) -> None:
    runs = [
        write_fold(tmp_path / "a" / f"{seed}{fold}", fold, [fold], seed=seed)
        for seed in (0, 1, 2)
        for fold in (0, 1)
    ]
    (runs[0] / "validation_outputs.npz").unlink()
    torn = runs[2] / "validation_outputs.npz"
    torn.write_bytes(torn.read_bytes()[:200])
    text, problems = written(tmp_path, *runs)
    assert [line[:4] for line in text.splitlines()] == ["fold", "0,0,", "1,1,"]  # of seed 2
    assert problems[0].startswith("a, seed 0, is not among them: ")
    assert problems[0].endswith("validation_outputs.npz' is missing.")
    assert "validation_outputs.npz' is torn" in problems[1]


def test_outputs_of_something_else_are_refused(tmp_path: Path) -> None:
    run = write_fold(tmp_path / "a" / "0", 0, [0, 1])
    path = run / "validation_outputs.npz"
    three, two = np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32)
    for outputs, labels in (
        (three, np.array([0, 1])),
        (two, np.array([0, 2])),
        (two, np.array([0.0, 1.0])),
        (two, two),
    ):
        Outputs(outputs, labels, np.arange(2)).write(path)
        sentence = "is of other classes or targets than its run|holds no predictions of samples"
        with pytest.raises(ChecksumError, match=sentence):
            join_folds([read_summary(run)])


def test_folds_that_share_samples_are_refused(tmp_path: Path) -> None:
    runs = [write_fold(tmp_path / "a" / str(n), n, [0, 1]) for n in (0, 1)]
    with pytest.raises(ChecksumError, match="a/0, a/1 share validation samples"):
        join_folds([read_summary(run) for run in runs])


def test_runs_without_folds_leave_no_file(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "0")
    comparisons, _ = compare([read_summary(run)])
    assert write_out_of_fold(comparisons, tmp_path) == ([], [])
