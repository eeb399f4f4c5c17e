"""Intervals over test samples and comparisons on the same ones, from what runs have answered."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import ArrayLike
from scipy import stats
from sklearn import metrics as sklearn_metrics

from mlp_lab.report.comparison import compare
from mlp_lab.report.intervals import clustered_wilson_interval, wilson_interval
from mlp_lab.report.pages import write_comparison_report, write_run_report
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.tested_samples import (
    Answers,
    compare_on_samples,
    interval_over_samples,
    intervals_of,
    read_answers,
)
from mlp_lab.runs.outputs import Outputs
from tests.report.helpers import change_metrics, write_answers, write_run, write_targets

# Which of twelve samples three nets answer rightly.
NETS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0],
    ]
)
SENTENCE = "test_outputs.npz is damaged, or of another test"


def answered(directory: Path, right: ArrayLike, first: int = 0) -> RunSummary:
    return read_summary(write_answers(write_run(directory), right, first))


def answers_of(summary: RunSummary, metric: str = "acc") -> Answers:
    found = read_answers(summary, metric)
    assert found is not None
    return found


@pytest.fixture
def summaries(tmp_path: Path) -> list[RunSummary]:
    return [answered(tmp_path / str(n), right) for n, right in enumerate(NETS)]


@pytest.fixture
def regressions(tmp_path: Path) -> list[RunSummary]:
    """One, and one with half its errors."""
    draws = np.random.default_rng(0)
    targets, errors = draws.normal(size=200), draws.normal(scale=0.5, size=200)
    return [
        read_summary(
            write_targets(write_run(tmp_path / str(n), seed=n), targets + errors / n, targets)
        )
        for n in (1, 2)
    ]


def test_one_accuracy_has_wilsons_interval_with_and_without_the_answers(
    summaries: list[RunSummary],
) -> None:
    summary = summaries[0]
    assert intervals_of(summary)["acc"] == wilson_interval(9, 12)
    summary.run.test_outputs_path.unlink()
    assert intervals_of(summary) == {"acc": wilson_interval(9, 12)}


def test_a_mean_accuracy_has_the_interval_of_the_samples_means(
    summaries: list[RunSummary],
) -> None:
    """Not that of 36 samples: the three nets were tested on the same twelve."""
    interval = interval_over_samples(summaries, "acc")
    assert interval is not None
    assert interval == clustered_wilson_interval(NETS.mean(0))
    assert interval[0] < wilson_interval(float(NETS.sum()), 36)[0]


def test_without_all_answers_a_mean_has_no_interval(summaries: list[RunSummary]) -> None:
    summaries[1].run.test_outputs_path.unlink()
    assert interval_over_samples(summaries, "acc") is None


def test_two_nets_are_compared_by_mcnemar(summaries: list[RunSummary]) -> None:
    """The first alone is right on two samples, the second alone on one."""
    first, second, _ = map(answers_of, summaries)
    found = compare_on_samples([(first, second)])
    assert found is not None
    interval, p_value = found
    assert p_value == stats.binomtest(1, 3).pvalue
    differences = NETS[0] - NETS[1]
    expected = stats.t.interval(0.95, 11, differences.mean(), stats.sem(differences))
    assert interval == pytest.approx(expected)


def test_nets_of_several_seeds_are_compared_by_the_mean_of_each_sample(
    summaries: list[RunSummary],
) -> None:
    first, second, third = map(answers_of, summaries)
    found = compare_on_samples([(first, second), (first, third)])
    assert found is not None
    expected = stats.ttest_1samp(NETS[0] - NETS[1:].mean(0), 0)
    assert found[1] == pytest.approx(expected.pvalue)
    assert found[0] == pytest.approx(expected.confidence_interval(0.95))


def test_pairs_on_other_samples_add_them(tmp_path: Path) -> None:
    """As the parts of a cross-validation do."""
    pairs = [
        tuple(
            answers_of(answered(tmp_path / f"{fold}{n}", NETS[n, 6 * fold :][:6], first=6 * fold))
            for n in range(2)
        )
        for fold in range(2)
    ]
    found = compare_on_samples([(a, b) for a, b in pairs])
    assert found is not None
    assert found[1] == pytest.approx(stats.ttest_rel(NETS[0], NETS[1]).pvalue)


def test_nets_that_answer_alike_differ_by_nothing(summaries: list[RunSummary]) -> None:
    first = answers_of(summaries[0])
    assert compare_on_samples([(first, first)]) == ((0, 0), 1)
    assert compare_on_samples([(first, first), (first, first)]) == ((0, 0), 1)


def test_a_pair_on_different_samples_is_not_compared(
    tmp_path: Path, summaries: list[RunSummary]
) -> None:
    other = answers_of(answered(tmp_path / "other", NETS[1], first=5))
    assert compare_on_samples([(answers_of(summaries[0]), other)]) is None


def test_a_loss_is_explained_by_the_probabilities_if_it_is_the_cross_entropy(
    summaries: list[RunSummary],
) -> None:
    summary = summaries[0]
    loss = -(9 * np.log(0.75) + 3 * np.log(0.25)) / 12
    for known, is_explained in ((loss, True), (2 * loss, False)):
        change_metrics(summary.run.dir, **{"test/loss": known})
        assert (read_answers(read_summary(summary.run.dir), "loss") is not None) == is_explained


def test_macro_f1_is_scikit_learns_and_has_an_interval(summaries: list[RunSummary]) -> None:
    labels = np.arange(12) % 2
    tested, values = [], []
    for summary, right in zip(summaries[:2], NETS, strict=False):
        predicted = np.where(right, labels, 1 - labels)
        values.append(sklearn_metrics.f1_score(labels, predicted, average="macro"))
        change_metrics(summary.run.dir, **{"test/f1_macro": values[-1]})
        tested.append(answers_of(read_summary(summary.run.dir), "f1_macro"))
    interval = interval_over_samples([read_summary(summaries[0].run.dir)], "f1_macro")
    assert interval is not None
    low, high = interval
    assert 0.4 < low < values[0] < high <= 1
    found = compare_on_samples([(tested[0], tested[1])])
    assert found is not None
    (low, high), p_value = found
    assert low < 0 < high
    assert p_value > 0.5


def test_a_class_that_a_resample_lacks_does_not_lower_its_macro_f1(tmp_path: Path) -> None:
    """A perfect net has 100 % in each resample, many of which lack one of the three classes."""
    run = write_run(tmp_path / "a")
    labels = np.array([0] * 8 + [1, 2])
    Outputs(np.eye(3, dtype=np.float32)[labels], labels, np.arange(10)).write(
        run / "test_outputs.npz"
    )
    drop = {"test/acc": None, "test/confusion": None}
    change_metrics(run, **drop, **{"test/f1_macro": 1.0})
    assert interval_over_samples([read_summary(run)], "f1_macro") == (1, 1)
    wrong = np.where(np.arange(10) == 9, 0, labels)  # the sample of class 2 is taken for class 0
    Outputs(np.eye(3, dtype=np.float32)[wrong], labels, np.arange(10)).write(
        run / "test_outputs.npz"
    )
    change_metrics(run, **{"test/f1_macro": (16 / 17 + 1 + 0) / 3})
    compute = answers_of(read_summary(run), "f1_macro").compute
    counts = np.array([[1.0] * 10, [1.0] * 8 + [2, 0], [1.0] * 8 + [0, 2]])
    assert compute(counts) == pytest.approx([(16 / 17 + 1) / 3, 1, (16 / 18) / 2])


def test_resamples_of_a_regression_have_scikit_learns_scores(
    regressions: list[RunSummary],
) -> None:
    tested = Outputs.read(regressions[0].run.test_outputs_path)
    places = np.random.default_rng(1).integers(200, size=200)
    counts = np.bincount(places, minlength=200)[None].astype(float)
    drawn = tested.labels[places], tested.outputs[places]
    for metric, score in (
        ("rmse", sklearn_metrics.root_mean_squared_error),
        ("r2", sklearn_metrics.r2_score),
    ):
        (found,) = answers_of(regressions[0], metric).compute(counts)
        assert found == pytest.approx(score(*drawn), rel=1e-6)
    (found,) = answers_of(regressions[0], "r2").compute(200.0 * (np.arange(200) == 3)[None])
    assert found == 0  # of a single target, and it was missed


def test_errors_of_a_regression_have_intervals(regressions: list[RunSummary]) -> None:
    tested = Outputs.read(regressions[0].run.test_outputs_path)
    squared = np.square(tested.outputs - tested.labels)[:, 0]
    intervals = intervals_of(regressions[0])
    assert intervals.keys() == {"rmse", "mae", "r2"}
    by_formula = np.sqrt(stats.t.interval(0.95, 199, squared.mean(), stats.sem(squared)))
    assert intervals["rmse"] == pytest.approx(by_formula, rel=0.03)
    absolute = np.sqrt(squared)
    expected = stats.t.interval(0.95, 199, absolute.mean(), stats.sem(absolute))
    assert intervals["mae"] == pytest.approx(expected, rel=1e-5)
    low, high = intervals["r2"]
    assert low < sklearn_metrics.r2_score(tested.labels, tested.outputs) < high


def test_half_the_error_is_told_apart(regressions: list[RunSummary]) -> None:
    worse, better = (answers_of(summary, "rmse") for summary in regressions)
    found = compare_on_samples([(better, worse)])
    assert found is not None
    (low, high), p_value = found
    rmse = regressions[0].number("test/rmse")
    assert rmse is not None
    assert low < -rmse / 2 < high < 0
    assert p_value == pytest.approx(2 / 2001)  # all 2,000 resamples agree


@pytest.mark.parametrize(("loss", "is_known"), [(None, True), ("MSELoss", True), ("L1Loss", False)])
def test_the_loss_of_one_scaled_target_is_that_of_its_squared_errors(
    regressions: list[RunSummary], loss: str | None, is_known: bool
) -> None:
    """Of targets whose deviation is 2: a quarter of the squared errors."""
    both = []
    for summary in regressions:
        rmse = summary.number("test/rmse")
        assert rmse is not None
        change_metrics(summary.run.dir, **{"test/loss": rmse**2 / 4})
        config = yaml.safe_load(summary.run.config_path.read_text())
        config["model"]["init_args"]["loss"] = loss and {"class_path": f"torch.nn.{loss}"}
        summary.run.config_path.write_text(yaml.safe_dump(config))
        both.append(read_answers(read_summary(summary.run.dir), "loss"))
    first, second = both
    assert (first is not None) == (second is not None) == is_known
    if first and second:
        tested = [Outputs.read(summary.run.test_outputs_path) for summary in regressions]
        a, b = (np.square(t.outputs - t.labels)[:, 0] / 4 for t in tested)
        found = compare_on_samples([(first, second)])
        assert found is not None
        assert found[1] == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-3)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "no file of arrays": lambda path: path.write_text("hello"),
    "of another test": lambda path: Outputs(
        np.eye(2, dtype=np.float32)[[0, 0]], np.array([1, 1]), np.arange(2)
    ).write(path),
    "labels of no class": lambda path: Outputs(
        np.eye(2, dtype=np.float32), np.array([0, 2]), np.arange(2)
    ).write(path),
    "text": lambda path: np.savez(
        path, outputs=np.array([["a"]]), labels=np.array(["a"]), indices=np.array(["a"])
    ),
    "not finite": lambda path: Outputs(
        np.full((2, 2), np.nan, dtype=np.float32), np.array([0, 1]), np.arange(2)
    ).write(path),
    "no classes": lambda path: Outputs(
        np.zeros((2, 0), dtype=np.float32), np.array([0, 1]), np.arange(2)
    ).write(path),
    "empty": lambda path: Outputs(
        np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=int), np.arange(0)
    ).write(path),
}


@pytest.fixture
def two_settings(tmp_path: Path) -> list[Path]:
    return [
        write_answers(
            write_run(tmp_path / name / f"v{seed}", seed=seed, lr=lr, val_acc=lr),
            NETS[seed],
        )
        for name, lr in (("a", 0.9), ("b", 0.8))
        for seed in range(2)
    ]


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_answers_end_no_comparison(two_settings: list[Path], kind: str) -> None:
    DAMAGE[kind](two_settings[2] / "test_outputs.npz")
    summaries = [read_summary(run) for run in two_settings]
    is_damaged = [SENTENCE in " ".join(summary.missing) for summary in summaries]
    assert is_damaged == [False, False, True, False]
    (comparison,), left_out = compare(summaries)
    assert not left_out
    assert [setting.test_interval is None for setting in comparison.settings] == [False, True]
    (pair,) = comparison.pairs
    assert (pair.difference.mean, pair.sample_interval, pair.sample_p_value) == (0, None, None)


def test_pages_say_which_answers_are_damaged(two_settings: list[Path], tmp_path: Path) -> None:
    DAMAGE["torn"](two_settings[2] / "test_outputs.npz")
    summaries = [read_summary(run) for run in two_settings]
    html, *_ = write_comparison_report(*compare(summaries), tmp_path / "out")
    assert SENTENCE in html.read_text()
    assert SENTENCE in write_run_report(summaries[2], tmp_path / "out").read_text()
