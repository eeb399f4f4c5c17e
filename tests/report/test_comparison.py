"""Runs are grouped by their settings, and compared on what they share."""

import json
from pathlib import Path

import pytest
import yaml
from scipy import stats

from mlp_lab.report.comparison import Comparison, compare
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.spread import Spread
from tests.report.helpers import FIVE, change_manifest, write_folds, write_run


def compared(*directories: Path) -> Comparison:
    (comparison,), left_out = compare([read_summary(directory) for directory in directories])
    assert not left_out
    return comparison


def test_seeds_are_one_setting_with_mean_and_deviation(tmp_path: Path) -> None:
    scores = (0.80, 0.82, 0.87)
    runs = [
        write_run(tmp_path / "base" / f"version_{n}", seed=n, test_acc=score)
        for n, score in enumerate(scores)
    ]
    (setting,) = compared(*runs).settings
    assert setting.label == "base"
    spread = setting.spread("test/acc")
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.n) == pytest.approx((0.83, 0.0360555, 3))


def test_the_best_is_chosen_on_validation_not_on_test(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a" / "version_0", lr=0.1, val_acc=0.9, test_acc=0.7)
    b = write_run(tmp_path / "b" / "version_0", lr=0.2, val_acc=0.8, test_acc=0.9)
    comparison = compared(b, a)
    assert [setting.label for setting in comparison.settings] == ["a", "b"]
    assert comparison.keys == ["model.optimizer.lr"]
    assert [s.differing["model.optimizer.lr"] for s in comparison.settings] == ["0.1", "0.2"]


def test_settings_of_one_experiment_are_labelled_by_what_differs(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "sweep" / f"version_{n}", lr=lr, val_acc=lr)
        for n, lr in enumerate((0.1, 0.2))
    ]
    assert [setting.label for setting in compared(*runs).settings] == ["lr 0.2", "lr 0.1"]


def test_a_pair_is_compared_on_the_seeds_and_test_samples_that_both_have(tmp_path: Path) -> None:
    best, other = (0.90, 0.91, 0.95), (0.88, 0.90, 0.91)
    runs = []
    for n in range(3):
        runs.append(
            write_run(tmp_path / "a" / f"v{n}", seed=n, test_acc=best[n], val_acc=0.9, lr=0.1)
        )
        runs.append(write_run(tmp_path / "b" / f"v{n}", seed=n, test_acc=other[n], lr=0.2))
    runs.append(write_run(tmp_path / "b" / "v3", seed=3, test_acc=0.5, lr=0.2))
    runs.append(write_run(tmp_path / "a" / "v4", seed=4, test_acc=0.5, lr=0.1, val_acc=0.9))
    runs.append(write_run(tmp_path / "b" / "v4", seed=4, test_acc=0.9, lr=0.2, tested="other"))
    (pair,) = compared(*runs).pairs
    assert (pair.label, pair.better) == ("b", 0)
    assert pair.difference.mean == pytest.approx(-0.07 / 3)
    assert pair.difference.n == 3
    expected = stats.ttest_rel(other, best).confidence_interval(0.95)
    assert pair.interval == pytest.approx((expected.low, expected.high))


def test_a_pair_may_hold_out_other_samples_for_validation(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / "v", lr=0.1, val_acc=0.9, test_acc=0.9, split="a twentieth"),
        write_run(tmp_path / "b" / "v", lr=0.2, test_acc=0.8, split="a tenth"),
    ]
    (pair,) = compared(*runs).pairs
    assert pair.difference.mean == pytest.approx(-0.1)


def test_runs_of_several_processes_are_another_setting(tmp_path: Path) -> None:
    alone, shared = (write_run(tmp_path / "a" / f"v{n}") for n in range(2))
    path = shared / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processes": 2}))
    assert compared(alone, shared).keys == ["processes"]


def test_settings_are_labelled_by_what_differs_in_their_own_experiment(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "grid" / "v0", lr=0.1, val_acc=0.9),
        write_run(tmp_path / "grid" / "v1", lr=0.2, val_acc=0.8),
        write_run(tmp_path / "alone" / "v0", lr=0.3, val_acc=0.7, settings={"label_smoothing": 1}),
    ]
    assert [s.label for s in compared(*runs).settings] == ["grid: lr 0.1", "grid: lr 0.2", "alone"]
    assert [s.label for s in compared(*runs[:2]).settings] == ["lr 0.1", "lr 0.2"]


def test_data_that_lie_elsewhere_are_the_same(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name / "v0", seed=n) for n, name in enumerate(("a", "b"))]
    for number, run in enumerate(runs):
        config = yaml.safe_load((run / "config.yaml").read_text())
        config["data"]["source"]["init_args"] = {"path": f"/place/{number}/a.npz"}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    (setting,) = compared(*runs).settings
    assert len(setting.summaries) == 2


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a" / "v", lr=0.1), write_run(tmp_path / "b" / "v", lr=0.2)]
    (pair,) = compared(*runs).pairs
    assert (pair.interval, pair.difference.deviation) == (None, None)


def test_losses_of_scaled_targets_are_ranked_by_themselves(tmp_path: Path) -> None:
    """Version 0.1 did not scale them, and did not say so."""
    runs = [
        write_run(tmp_path / name / "v", settings=settings)
        for name, settings in {
            "old": {},
            "plain": {"scale_targets": False},
            "new": {"scale_targets": True},
        }.items()
    ]
    for run in runs:
        manifest = json.loads((run / "manifest.json").read_text())
        score = {"score": {"metric": "val/loss", "mode": "min"}}
        (run / "manifest.json").write_text(json.dumps(manifest | score))
        metrics = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps(metrics | {"val/loss": 0.5}))
    comparisons, _ = compare([read_summary(run) for run in runs])
    assert [len(comparison.settings) for comparison in comparisons] == [2, 1]


def test_data_sets_and_scores_are_not_mixed(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name / "v", source=name) for name in ("Digits", "Moons")]
    comparisons, _ = compare([read_summary(run) for run in runs])
    assert [c.data for c in comparisons] == ["Digits", "Moons"]


def test_runs_without_a_score_are_left_out(tmp_path: Path) -> None:
    whole, bare = write_run(tmp_path / "a" / "v"), write_run(tmp_path / "b" / "v")
    (bare / "metrics.json").unlink()
    comparisons, left_out = compare([read_summary(run) for run in (whole, bare)])
    assert len(comparisons) == 1
    ((summary, reason),) = left_out
    assert (summary.name, reason) == ("b/v", "nothing was scored on validation")


def test_a_run_that_repeats_another_counts_once(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name / f"v{n}", lr=lr)
        for name, lr in (("a", 0.1), ("b", 0.2))
        for n in range(2)
    ]
    comparison = compared(*runs)
    assert [len(setting.distinct_summaries) for setting in comparison.settings] == [1, 1]
    assert comparison.settings[0].spread("test/acc") == Spread(0.8, None, 1)
    assert comparison.pairs[0].interval is None


def test_runs_that_did_not_end_are_left_out(tmp_path: Path) -> None:
    whole, broken = write_run(tmp_path / "a" / "v0"), write_run(tmp_path / "a" / "v1", seed=1)
    path = broken / "manifest.json"
    path.write_text(path.read_text().replace("finished", "interrupted"))
    comparisons, left_out = compare([read_summary(run) for run in (whole, broken)])
    assert [len(c.settings[0].summaries) for c in comparisons] == [1]
    ((summary, reason),) = left_out
    assert (summary.name, reason) == ("a/v1", "its status is interrupted")


def test_validation_on_the_test_set_is_a_comparison_of_its_own(tmp_path: Path) -> None:
    honest = write_run(tmp_path / "a" / "v0")
    other = write_run(tmp_path / "b" / "v0", lr=0.5, validation="test set")
    comparisons, _ = compare([read_summary(run) for run in (honest, other)])
    assert [c.data for c in comparisons] == ["Digits", "Digits, validated on the test set"]


def test_the_manifest_knows_which_way_is_better(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name / "v0", lr=lr, val_acc=value)
        for name, lr, value in (("a", 0.1, 0.9), ("b", 0.2, 0.1))
    ]
    for run in runs:
        path = run / "manifest.json"
        path.write_text(path.read_text().replace('"max"', '"min"'))
    assert [setting.label for setting in compared(*runs).settings] == ["b", "a"]


def test_settings_that_are_not_set_do_not_differ(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / "v0"),
        write_run(tmp_path / "a" / "v1", seed=1, settings={"schedule": None}),
    ]
    (setting,) = compared(*runs).settings
    assert len(setting.summaries) == 2


def test_settings_with_the_same_label_are_told_apart_by_their_run(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / f"v{n}", settings={"net": {"class_path": path}}, val_acc=n)
        for n, path in enumerate(("mlp_lab.nets.MLP", "torch.MLP"))
    ]
    assert [setting.label for setting in compared(*runs).settings] == ["a, a/v1", "a, a/v0"]


def test_folds_and_seeds_of_a_setting_are_one_group(tmp_path: Path) -> None:
    runs = [r for seed in (0, 1) for r in write_folds(tmp_path / "a", FIVE, seed=seed)]
    (setting,) = compared(*runs).settings
    assert (setting.folds, setting.num_seeds, setting.repetitions) == (5, 2, "2 seeds x 5 folds")
    spread = setting.spread("val/acc")
    assert spread is not None
    # Five folds, whose nets were trained on four times as many samples as they validated on.
    assert (spread.n, spread.overlap) == (5, 0.25)
    assert [(s.seed, s.fold) for s in setting.summaries] == [
        (seed, fold) for seed in (0, 1) for fold in range(5)
    ]


def test_seeds_of_a_fold_count_once(tmp_path: Path) -> None:
    """By hand: fold means 91, 92, 96 %, s = 0.0264575, half 4.302653 s sqrt(1/3 + 1/2)."""
    runs = write_folds(tmp_path / "a", (0.90, 0.92, 0.94), folds=3)
    runs += write_folds(tmp_path / "a", (0.92, 0.92, 0.98), folds=3, seed=1)
    (setting,) = compared(*runs).settings
    spread = setting.spread("val/acc")
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.n) == pytest.approx((0.93, 0.0264575, 3))
    assert spread.confidence_interval() == pytest.approx((0.93 - 0.103919, 0.93 + 0.103919))


def test_one_fold_alone_is_over_its_seeds(tmp_path: Path) -> None:
    runs = [write_folds(tmp_path / "a", FIVE[:1], seed=seed)[0] for seed in (0, 1)]
    (setting,) = compared(*runs).settings
    spread = setting.spread("val/acc")
    assert spread is not None
    assert (spread.n, spread.overlap) == (2, 0.0)
    assert setting.repetitions == "2 of 2 seeds x 5 folds"


def test_settings_are_ranked_among_those_of_as_many_folds(tmp_path: Path) -> None:
    """Others were validated on other samples, and trained on more or fewer."""
    runs = write_folds(tmp_path / "five", FIVE, validation="fold of 5")
    runs += write_folds(tmp_path / "ten", FIVE, folds=10, validation="fold of 10")
    runs.append(write_run(tmp_path / "none" / "version_0", lr=0.1, val_acc=0.8))
    comparisons, _ = compare([read_summary(run) for run in runs])
    assert {c.data: [s.repetitions for s in c.settings] for c in comparisons} == {
        "Digits, 5 folds": ["5 folds"],
        "Digits, 10 folds": ["5 of 10 folds"],
        "Digits": ["1"],
    }


def test_pairs_share_seed_and_fold(tmp_path: Path) -> None:
    runs = write_folds(tmp_path / "a", FIVE[:4], test_acc=0.9)
    runs += write_folds(tmp_path / "b", (0.8,) * 5, lr=0.2, test_acc=0.8)
    (pair,) = compared(*runs).pairs
    assert (pair.label, pair.difference.n, pair.difference.overlap) == ("b", 4, 0.25)
    assert pair.difference.mean == pytest.approx(-0.1)


def test_folds_of_other_divisions_are_no_pairs(tmp_path: Path) -> None:
    """Fold 0 of one division holds out other samples than fold 0 of another."""
    runs = write_folds(tmp_path / "one", FIVE[:2], folds=2, split="one")
    runs += write_folds(tmp_path / "other", FIVE[:2], folds=2, split="other", lr=0.2, test_acc=0.7)
    comparison = compared(*runs)
    assert len(comparison.settings) == 2
    assert comparison.pairs == []


def test_headings_that_are_equal_say_what_the_data_differ_in(tmp_path: Path) -> None:
    """And groups of one source stand beside each other."""
    leaked, other, clean, fewer, changed = runs = [
        write_run(tmp_path / name / "v", source=source)
        for name, source in (("a", "T"), ("b", "Other"), ("c", "T"), ("d", "T"), ("e", "T"))
    ]
    for run, num_columns, num_samples, digest in (
        (leaked, 14, 891, "aaaa1111aaaa"),
        (clean, 13, 891, "bbbb2222bbbb"),
        (fewer, 13, 700, "cccc3333cccc"),
        (changed, 13, 700, "dddd4444dddd"),
    ):
        data = {"columns": [{}] * num_columns, "samples": {"train": num_samples - 91, "test": 91}}
        change_manifest(run, data={**data, "sha256": {"data": digest}})
    config = yaml.safe_load((clean / "config.yaml").read_text())
    config["data"]["source"]["init_args"] = {"drop": ["alive", "listed on"]}
    (clean / "config.yaml").write_text(yaml.safe_dump(config))

    def headings(*chosen: Path) -> list[str]:
        comparisons, _ = compare([read_summary(run) for run in chosen])
        return [comparison.data for comparison in comparisons]

    assert headings(leaked, other, clean) == [
        *("T (14 columns)", "T (13 columns, without 'alive', 'listed on')", "Other"),
    ]
    assert headings(leaked, fewer) == ["T (14 columns, 891 samples)", "T (13 columns, 700 samples)"]
    assert headings(fewer, changed) == ["T (SHA-256 cccc3333)", "T (SHA-256 dddd4444)"]
    assert headings(leaked, other) == ["T", "Other"]
    assert len(headings(*runs)) == 5


def test_the_notes_on_the_data_come_once(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / f"v{seed}", seed=seed, notes=["one", *notes])
        for seed, notes in enumerate([[], ["two"], ["two"]])
    ]
    assert compared(*runs).data_notes == ["one", "two"]
