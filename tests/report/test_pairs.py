"""Settings against the best: both intervals, p values corrected by Holm, and what they come to."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import mlp_lab
from mlp_lab.report.comparison import Comparison, compare
from mlp_lab.report.formatting import format_interval, format_p_value
from mlp_lab.report.pages import write_comparison_report
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.significance import holm
from tests.report.helpers import markdown_tables, write_answers, write_run

NUM = 200
# How many of 200 samples the nets of three seeds answer rightly.
RIGHT = {"best": (190, 192, 191), "close": (189, 190, 191), "far": (140, 142, 143)}


def compared(root: Path, right: Mapping[str, Sequence[int]]) -> Comparison:
    summaries = []
    for number, (name, counts) in enumerate(right.items()):
        for seed, count in enumerate(counts):
            run = write_run(root / name / f"v{seed}", seed=seed, lr=number + 1, val_acc=-number)
            write_answers(run, np.arange(NUM) < count)
            summaries.append(read_summary(run))
    (comparison,), left_out = compare(summaries)
    assert not left_out
    return comparison


def test_p_values_over_seeds_are_corrected_for_their_number(tmp_path: Path) -> None:
    pairs = compared(tmp_path, RIGHT).pairs
    assert [pair.label for pair in pairs] == ["close", "far"]
    alone = [stats.ttest_rel(RIGHT[name], RIGHT["best"]).pvalue for name in ("close", "far")]
    assert [pair.p_value for pair in pairs] == pytest.approx(holm(alone))
    assert pairs[1].p_value == pytest.approx(2 * alone[1])


def test_p_values_over_samples_are_corrected_by_themselves(tmp_path: Path) -> None:
    pairs = compared(tmp_path, RIGHT).pairs
    alone = []
    for name in ("close", "far"):
        each = [
            (np.arange(NUM) < count).astype(float) - (np.arange(NUM) < best)
            for count, best in zip(RIGHT[name], RIGHT["best"], strict=True)
        ]
        alone.append(stats.ttest_1samp(np.mean(each, 0), 0))
    found = [pair.sample_p_value for pair in pairs]
    assert found == pytest.approx(holm([float(test.pvalue) for test in alone]))
    for pair, test in zip(pairs, alone, strict=True):
        assert pair.sample_interval == pytest.approx(test.confidence_interval(0.95))


def test_only_what_holds_over_both_is_told_apart(tmp_path: Path) -> None:
    pairs = compared(tmp_path, RIGHT).pairs
    assert [pair.told_apart for pair in pairs] == ["no", "yes"]
    assert [pair.better for pair in pairs] == [0, 0]
    assert pairs[1].seeds_needed == 2


def test_one_seed_tells_of_test_samples_alone(tmp_path: Path) -> None:
    (pair,) = compared(tmp_path, {"best": (190,), "far": (140,)}).pairs
    assert (pair.told_apart, pair.p_value) == ("over test samples alone", None)
    assert pair.sample_p_value == stats.binomtest(0, 50).pvalue
    assert pair.seeds_needed is None


def test_pages_show_both_intervals_and_what_holm_did(tmp_path: Path) -> None:
    comparison = compared(tmp_path, RIGHT)
    html, markdown, _ = write_comparison_report([comparison], [], tmp_path / "out")
    settings, _, pairs = markdown_tables(markdown.read_text())
    best = comparison.settings[0].test_interval
    assert settings[1][4] == format_interval(best, "acc")
    close, far = comparison.pairs
    for row, pair in zip(pairs[1:], (close, far), strict=True):
        over_seeds, over_samples = (
            f"{format_interval(interval, 'acc', signed=True)} ({format_p_value(p_value)})"
            for interval, p_value in (
                (pair.interval, pair.p_value or 0.0),
                (pair.sample_interval, pair.sample_p_value or 0.0),
            )
        )
        assert row[2:] == [
            *(pair.told_apart, over_seeds, over_samples, "3", f"{pair.better} of 3"),
            str(pair.seeds_needed),
        ]
    assert "of 2 comparisons some look" in html.read_text()
    assert "corrected by Holm's method for 2 comparisons" in markdown.read_text()
    alone = compared(tmp_path / "alone", {name: RIGHT[name] for name in ("best", "far")})
    html, markdown, _ = write_comparison_report([alone], [], tmp_path / "out")
    assert "Holm" not in html.read_text() + markdown.read_text()


def test_folds_are_named_as_such_and_their_seeds_count_once(tmp_path: Path) -> None:
    """By hand: means of the folds -2, -1, -2 points; t = sqrt(10), p = 1 - sqrt(10 / 12)."""
    differences = ((-0.01, -0.01, -0.03), (-0.03, -0.01, -0.01))
    for seed, fold in product(range(2), range(3)):
        of_fold: dict[str, Any] = {"seed": seed, "fold": fold, "folds": 3}
        version = f"v{seed}{fold}"
        write_run(tmp_path / "a" / version, val_acc=0.9, lr=0.1, test_acc=0.8, **of_fold)
        score = 0.8 + differences[seed][fold]
        write_run(tmp_path / "b" / version, val_acc=0.8, lr=0.2, test_acc=score, **of_fold)
    found = mlp_lab.compare(tmp_path)
    (pair,) = found.pairs
    assert (pair["seeds"], pair["folds"], pair["better_in"]) == (2, 3, 0)
    assert pair["p_over_seeds"] == pytest.approx(1 - math.sqrt(10 / 12))
    assert pair["seeds_needed"] is None
    *_, pairs = markdown_tables(found.to_markdown())
    assert pairs[0][3:] == ["over folds", "over test samples", "runs shared", "better in"]
    assert pairs[1][5:] == ["6", "0 of 6"]
    html, *_ = write_comparison_report(found.comparisons, [], tmp_path / "out")
    assert '<th class="number">over folds</th>' in html.read_text()
    assert "Seeds needed" not in html.read_text()


def test_runs_without_answers_are_compared_over_seeds(tmp_path: Path) -> None:
    comparison = compared(tmp_path, RIGHT)
    for setting in comparison.settings:
        for summary in setting.summaries:
            summary.run.test_outputs_path.unlink()
    pair = comparison.pairs[1]
    assert (pair.told_apart, pair.sample_interval) == ("over seeds alone", None)
    assert comparison.settings[0].test_interval is None
