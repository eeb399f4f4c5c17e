import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.report.helpers import write_answers, write_regression, write_run


@pytest.mark.parametrize(
    ("place", "message"),
    [("nowhere", "'nowhere' is no directory"), ("empty", "'empty' holds no run")],
)
def test_no_run_is_one_sentence(
    mlp_lab: CommandLine, tmp_path: Path, place: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    outcome = mlp_lab("report", place)
    assert outcome.code == 2
    assert re.fullmatch(f"mlp-lab: error: {message}. Give a run .*\n", outcome.err)


def test_a_report_that_cannot_be_written_is_one_sentence(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    write_run(tmp_path / "runs" / "a" / "version_0")
    (tmp_path / "file").touch()
    outcome = mlp_lab("report", "runs", "--out", "file/below")
    assert outcome.code == 1
    assert "could not be written" in outcome.err


def test_a_report_loads_no_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a" / "version_0")
    write_run(tmp_path / "runs" / "b" / "version_0", lr=1)
    code = (
        "import sys; from mlp_lab.cli.main import main; main(['report', 'runs']); "
        "assert not {'torch', 'lightning', 'sklearn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=os.environ)


def test_the_best_settings_come_first_and_what_is_left_out_has_its_reason(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    write_run(tmp_path / "runs" / "a" / "version_0", lr=0.1, val_acc=0.5, test_acc=None)
    write_run(tmp_path / "runs" / "b" / "version_0", lr=0.2, val_acc=0.6)
    (write_run(tmp_path / "runs" / "c" / "version_0") / "metrics.json").unlink()
    lines = mlp_lab("report", "runs").out.splitlines()
    assert lines[:5] == [
        "Digits, by val/acc, the best first:",
        "  validation 60.00 %  test 80.00 %  b",
        "  validation 50.00 %  test not measured  a",
        "  one seed: mlp-lab sweep --seeds 0,1,2 shows how far apart seeds are",
        "left out: c/version_0 (nothing was scored on validation)",
    ]
    assert lines[5:] == [f"report: runs/report.{kind}" for kind in ("html", "md", "csv")]


def test_several_directories_are_compared_where_it_is_said(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    write_run(tmp_path / "here" / "a" / "version_0", val_acc=0.5)
    write_run(tmp_path / "there" / "b" / "version_0", lr=1, val_acc=0.6)
    refused = mlp_lab("report", "here", "there")
    assert refused.code == 2
    assert "several directories needs a place: add --out DIRECTORY." in refused.err
    lines = mlp_lab("report", "here", "there", "here/a", "--out=both").out.splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["b", "a"]
    assert lines[-3:] == [f"report: both/report.{kind}" for kind in ("html", "md", "csv")]


def test_intervals_and_what_is_told_apart_are_printed(mlp_lab: CommandLine, tmp_path: Path) -> None:
    for name, lr, right in (("a", 0.1, 80), ("b", 0.2, 78), ("c", 0.3, 10)):
        run = write_run(tmp_path / "runs" / name / "version_0", lr=lr, val_acc=1 - lr)
        write_answers(run, [True] * right + [False] * (100 - right))
    assert mlp_lab("report", "runs").out.splitlines()[1:5] == [
        "  validation 90.00 %  test 80.00 % (over test samples 71.12 to 86.66 %)  a",
        "  validation 80.00 %  test 78.00 % (over test samples 68.93 to 85.00 %)  b",
        "  validation 70.00 %  test 10.00 % (over test samples 5.52 to 17.44 %)  c",
        "  0 of 2 other settings told apart from the best, over seeds and test samples",
    ]


def test_what_is_damaged_is_printed_and_how_to_mend_it(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    for name, lr in (("a", 0.1), ("b", 0.2)):
        write_answers(write_run(tmp_path / "runs" / name / "version_0", lr=lr), [True, False])
    (tmp_path / "runs" / "b" / "version_0" / "test_outputs.npz").write_bytes(b"PK")
    (line,) = [line for line in mlp_lab("report", "runs").out.splitlines() if "damaged" in line]
    assert line.startswith("  b/version_0: test_outputs.npz is damaged, or of another test")
    assert line.endswith("mlp-lab test --run_dir runs/b/version_0 writes it anew.")


def test_what_a_run_lacks_is_printed(mlp_lab: CommandLine, tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "version_0")
    (run / "metrics.csv").unlink()
    assert mlp_lab("report", "a/version_0").out.splitlines() == [
        "metrics.csv is missing: there is no training history.",
        "There are no figures in plots/.",
        "report: a/version_0/report.html",
    ]


def test_notes_on_the_data_are_printed_once(mlp_lab: CommandLine, tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / "runs" / "a" / f"version_{seed}", seed=seed, notes=["x\x1b[2J", "y"])
    lines = mlp_lab("report", "runs").out.splitlines()
    assert lines[1:3] == ["  note: x\\x1b[2J", "  note: y"]
    assert sum("note: " in line for line in lines) == 2
    assert "note: y" in mlp_lab("report", "runs/a/version_0").out.splitlines()


def test_a_regression_is_printed_with_r2_and_rmse(mlp_lab: CommandLine, tmp_path: Path) -> None:
    write_regression(tmp_path / "runs" / "a" / "version_0")
    (tmp_path / "runs" / "a" / "version_0" / "test_outputs.npz").unlink()
    assert mlp_lab("report", "runs").out.splitlines()[:2] == [
        "Digits, by val/loss of scaled targets, the best first:",
        "  validation R² 0.9375, RMSE 1, loss 0.0625  test R² 0.7143, RMSE 1, loss 0.25  a",
    ]
