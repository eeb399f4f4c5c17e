"""Cross-validated settings: differences on shared folds, and what is missing."""

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from mlp_lab.report.comparison import compare
from mlp_lab.report.cross_validation import CrossValidated, cross_validated
from mlp_lab.report.run_files import read_summary
from tests.conftest import CommandLine
from tests.report.helpers import FIVE, markdown_tables, write_folds, write_run

OTHER = (0.89, 0.91, 0.89, 0.91, 0.92)


def found_in(*runs: Path) -> list[CrossValidated]:
    (comparison,), _ = compare([read_summary(run) for run in runs])
    return cross_validated(comparison)


def test_the_difference_is_over_the_folds_that_both_have(tmp_path: Path) -> None:
    runs = write_folds(tmp_path / "a", FIVE) + write_folds(tmp_path / "b", OTHER, lr=0.2)
    runs += write_folds(tmp_path / "b", (0.5,), lr=0.2, seed=7)  # a seed that the best lacks
    best, other = found_in(*runs)
    assert best.difference is None
    assert other.difference is not None
    assert other.difference.n == 5
    differences = [o - b for o, b in zip(OTHER, FIVE, strict=True)]  # -1, 0, -3, -2, -2 points
    assert other.difference.mean == pytest.approx(-0.016)
    # s = 0.0114018; the corrected half width is 2.776445 s sqrt(1/5 + 1/4).
    half = 2.776445 * 0.0114018 * 0.6708204
    interval = other.difference.confidence_interval()
    assert interval is not None
    assert interval == pytest.approx((-0.016 - half, -0.016 + half), abs=1e-6)
    plain = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert plain.high < 0 < interval[1]  # which would have told them apart


def test_the_difference_of_several_seeds_is_over_the_folds(tmp_path: Path) -> None:
    """By hand: means of the folds -2, -1, -2 points, s = 0.0057735, half 4.302653 s sqrt(5/6)."""
    differences = ((-0.01, -0.01, -0.03), (-0.03, -0.01, -0.01))
    runs = []
    for seed, of_seed in enumerate(differences):
        runs += write_folds(tmp_path / "a", (0.9, 0.9, 0.9), folds=3, seed=seed)
        scores = tuple(0.9 + difference for difference in of_seed)
        runs += write_folds(tmp_path / "b", scores, lr=0.2, folds=3, seed=seed)
    _, other = found_in(*runs)
    assert other.difference is not None
    assert (other.difference.mean, other.difference.n) == pytest.approx((-1 / 60, 3))
    expected = (-1 / 60 - 0.022677, -1 / 60 + 0.022677)
    assert other.difference.confidence_interval() == pytest.approx(expected, abs=1e-6)


def test_other_folds_are_not_paired(tmp_path: Path) -> None:
    runs = write_folds(tmp_path / "a", FIVE)
    runs += write_folds(tmp_path / "b", OTHER, lr=0.2, split="of another split_seed")
    assert [found.difference for found in found_in(*runs)] == [None, None]


def test_missing_folds_are_named(tmp_path: Path) -> None:
    runs = write_folds(tmp_path / "a", FIVE)
    runs += write_folds(tmp_path / "a", FIVE, seed=1)[1:4]
    (found,) = found_in(*runs)
    assert found.setting.repetitions == "8 of 2 seeds x 5 folds"
    assert found.missing == ["a, seed 1: no finished run of fold 0, 4 of 5."]
    (found,) = found_in(*write_folds(tmp_path / "b", FIVE[:1], folds=10**9))
    assert found.missing[0].endswith("of fold 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ... of 1000000000.")


@pytest.mark.parametrize(("fold", "folds"), [(0, 1), (5, 5), (-1, 5), ("0", 5), (0, None)])
def test_folds_that_cannot_be_are_none(tmp_path: Path, fold: Any, folds: Any) -> None:
    summary = read_summary(write_run(tmp_path / "a" / "b", fold=fold, folds=folds))
    assert (summary.fold, summary.folds) == (None, None)


def test_the_report_shows_them(mlp_lab: CommandLine, tmp_path: Path) -> None:
    write_folds(tmp_path / "runs" / "a", FIVE)
    write_folds(tmp_path / "runs" / "b", OTHER[:4], lr=0.2)
    outcome = mlp_lab("report", "runs")
    assert outcome.code == 0
    assert "cross-validation, mean val/acc and its 95 % interval:\n" in outcome.out
    assert "\n  92.00 % (89.06 to 94.94 %)  5 folds  a\n" in outcome.out
    assert "\n  b, seed 0: no finished run of fold 4 of 5.\n" in outcome.out
    assert "a, seed 0, is not among them: " in outcome.out  # no run has outputs
    assert not (tmp_path / "runs" / "out_of_fold.csv").exists()
    text = (tmp_path / "runs" / "report.md").read_text()
    table = next(t for t in markdown_tables(text) if "against the best" in t[0])
    assert table[1][:4] == ["a", "5 folds", "92.00 ± 1.58 %", "89.06 to 94.94 %"]
    assert table[2][:2] == ["b", "4 of 5 folds"]
    assert table[2][4].startswith("-1.50 ± ")
    assert "Nadeau and Bengio (2003)" in text
    assert "b, seed 0: no finished run of fold 4 of 5." in text
    page = (tmp_path / "runs" / "report.html").read_text()
    assert "b, seed 0: no finished run of fold 4 of 5." in page
    assert "<h3>Cross-validation</h3>" in page
    header, *_ = (tmp_path / "runs" / "report.csv").read_text().splitlines()
    assert header.startswith("run,setting,status,seed,fold,")
