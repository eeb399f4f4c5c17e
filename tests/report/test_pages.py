"""Pages hold everything themselves, and show whatever a run holds as text."""

import csv
import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlp_lab.report.comparison import compare
from mlp_lab.report.pages import _breakable, write_comparison_report, write_run_report
from mlp_lab.report.run_files import read_summary
from tests.conftest import CommandLine
from tests.helpers.slow import some_slow
from tests.report.helpers import (
    Page,
    change_metrics,
    markdown_tables,
    write_answers,
    write_regression,
    write_run,
)

EVIL = "<script>alert(1)</script>"


def test_a_run_report_holds_everything_itself(digits_run: Path, tmp_path: Path) -> None:
    text = write_run_report(read_summary(digits_run), tmp_path).read_text()
    page = Page(text)
    assert all(address.startswith("data:") for address in page.addresses)
    assert "script" not in page.tags
    shown = {path.stem for path in (digits_run / "plots").glob("*.png")} - {"learning_rate"}
    assert page.tags.count("img") == len(shown)
    assert (digits_run / "config.yaml").read_text().splitlines()[0] in html.unescape(text)
    for heading in (
        "Results",
        "Overfitting",
        "Scores and errors of each class",
        "How to repeat it",
    ):
        assert heading in text


def test_metrics_and_figures_have_the_names_of_the_field(digits_run: Path, tmp_path: Path) -> None:
    text = write_run_report(read_summary(digits_run), tmp_path).read_text()
    rows = ("Accuracy", "F1 (macro)", "ROC AUC (macro)", "Expected calibration error (ECE)")
    assert all(f"<tr><td>{row}</td>" in text for row in rows)
    assert not re.search("<t[dh][^>]*>(acc|f1|f1_macro|ece|roc_auc_macro)</t[dh]>", text)
    for title in ("ROC curve", "Precision-recall curve", "Confusion matrix"):
        assert f'alt="{title}"' in text


def test_fit_writes_the_report_at_its_end(digits_run: Path) -> None:
    text = (digits_run / "report.html").read_text()
    assert "finished" in text
    assert "Missing or incomplete" not in text
    assert Page(text).tags.count("img") > 10


def test_a_test_of_the_run_writes_it_anew(
    mlp_lab: CommandLine, digits_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "base" / "version_0"
    shutil.copytree(digits_run, run)
    (run / "report.html").unlink()
    assert mlp_lab("test", "--run_dir", run).code == 0
    assert (run / "report.html").is_file()


def test_names_and_settings_are_escaped(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "a & b" / "version_0",
        names=(EVIL, '"><img src=x>'),
        settings={"note": EVIL},
    )
    plain = Page(write_run_report(read_summary(run), tmp_path / "plain").read_text())
    assert "script" not in plain.tags
    assert "img" not in plain.tags
    comparisons, left_out = compare([read_summary(run)])
    paths = write_comparison_report(comparisons, left_out, tmp_path / "out")
    assert EVIL not in paths[0].read_text()
    assert EVIL not in paths[1].read_text()


@pytest.mark.parametrize("keep", [[], ["config.yaml"], ["manifest.json"], ["metrics.csv"]])
def test_half_a_run_is_reported_as_it_is(tmp_path: Path, keep: list[str]) -> None:
    run = write_run(tmp_path / "a" / "b")
    for path in run.iterdir():
        if path.name not in keep:
            path.unlink()
    text = write_run_report(read_summary(run), tmp_path).read_text()
    assert "Missing or incomplete" in text
    assert ("the settings are unknown" in text) == ("config.yaml" not in keep)
    write_comparison_report(*compare([read_summary(run)]), tmp_path)


@pytest.mark.parametrize(
    ("key", "broken"),
    [
        ("optimizer.lr", "optimizer.<wbr>lr"),
        ("label_smoothing 0.17", "label_<wbr>smoothing 0.17"),
        ("version_1", "version_1"),
        ("a.<b>", "a.&lt;b&gt;"),
    ],
)
def test_names_break_behind_dots_and_underscores_and_numbers_nowhere(key: str, broken: str) -> None:
    assert str(_breakable(key)) == broken


def test_many_runs_as_html_markdown_and_csv(mlp_lab: CommandLine, tmp_path: Path) -> None:
    for seed in (0, 1):
        for name, lr in (("slow", 0.1), ("quick|er", 0.2)):
            write_run(
                tmp_path / "runs" / name / f"version_{seed}",
                seed=seed,
                lr=lr,
                val_acc=lr + seed / 100,
                test_acc=0.9 - seed / 10,
            )
    write_run(tmp_path / "runs" / "other" / "version_0", source="Moons")
    outcome = mlp_lab("report", "runs", "--out", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert "  validation 20.50 ± 0.71 %  test 85.00 ± 7.07 %  quick|er" in outcome.out
    assert outcome.out.count("  one seed: mlp-lab sweep --seeds 0,1,2 shows how far") == 1
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert all(address.startswith("data:") for address in page.addresses)
    assert page.tags.count("img") == 2  # none of a single run
    assert "<button>optimizer.<wbr>lr</button>" in (tmp_path / "out" / "report.html").read_text()
    alone, settings, differences, pairs = markdown_tables(
        (tmp_path / "out" / "report.md").read_text()
    )
    assert settings == [
        [
            *("setting", "seeds", "validation accuracy", "test accuracy", "over test samples"),
            *("training accuracy", "gap", "best epoch", "parameters", "training time"),
        ],
        [
            *("quick|er", "2", "20.50 ± 0.71 %", "85.00 ± 7.07 %", "", "95.00 ± 0.00 %"),
            *("10.00 ± 7.07 %", "2 ± 0", "1,234", "1.5 ± 0 s"),
        ],
        [
            *("slow", "2", "10.50 ± 0.71 %", "85.00 ± 7.07 %", "", "95.00 ± 0.00 %"),
            *("10.00 ± 7.07 %", "2 ± 0", "1,234", "1.5 ± 0 s"),
        ],
    ]
    assert differences == [
        ["setting", "validation accuracy", "optimizer.lr"],
        ["quick|er", "20.50 ± 0.71 %", "0.2"],
        ["slow", "10.50 ± 0.71 %", "0.1"],
    ]
    assert pairs == [
        [
            *("setting", "difference", "told apart", "over seeds", "over test samples"),
            *("seeds shared", "better in", "seeds needed"),
        ],
        ["slow", "+0.00 ± 0.00 %", "no", "not known", "not known", "2", "0 of 2", ""],
    ]
    assert alone[1][:4] == ["other", "1", "85.00 % (one seed)", "80.00 % (one seed)"]
    text = (tmp_path / "out" / "report.csv").read_text()
    rows = {row["run"]: row for row in csv.DictReader(text.splitlines())}
    assert len(rows) == 5
    assert float(rows["quick|er/version_1"]["test/acc"]) == 0.8
    assert rows["slow/version_0"]["model.optimizer.lr"] == "0.1"


def test_numbers_are_rounded_where_they_are_read_and_whole_in_the_table(tmp_path: Path) -> None:
    rates = (0.012813042833556144, 0.012813042833556999)
    runs = [write_run(tmp_path / "sweep" / f"version_{n}", lr=lr) for n, lr in enumerate(rates)]
    comparisons, left_out = compare([read_summary(run) for run in runs])
    html, markdown, table = (
        path.read_text() for path in write_comparison_report(comparisons, left_out, tmp_path)
    )
    rows = csv.DictReader(table.splitlines())
    assert {row["model.optimizer.lr"] for row in rows} == {*map(str, rates)}
    for text in (html, markdown):
        assert "0.01281" in text
        assert "0.0128130428" not in text


ODD_NAMES = ("a|b", "*bold*", "_hidden_", "a_b_c", "`x`", "[x](y)", "<b>", "&lt;", "a\\|b", "# 1")


@pytest.mark.parametrize("name", some_slow(ODD_NAMES, ["a|b", "<b>"]))
def test_any_name_stays_in_its_cell(tmp_path: Path, name: str) -> None:
    runs = [
        write_run(tmp_path / f"{lr}" / "v0", lr=lr, val_acc=lr, source=name) for lr in (0.1, 0.2)
    ]
    (comparison,), left_out = compare([read_summary(run) for run in runs])
    settings = [replace(setting, label=name) for setting in comparison.settings]
    named = replace(comparison, settings=settings)
    _, path, _ = write_comparison_report([named], left_out, tmp_path / "out")
    tables = markdown_tables(path.read_text())
    assert [[row[0] for row in table] for table in tables] == [
        ["setting", name, name],
        ["setting", name, name],
        ["setting", name],
    ]
    assert [{len(row) for row in table} for table in tables] == [{10}, {3}, {8}]


def test_numbers_of_one_seed_are_marked(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / "runs" / "a" / f"v{seed}", seed=seed, lr=0.1, val_acc=0.9)
    write_run(tmp_path / "runs" / "b" / "v0", lr=0.2)
    alone = read_summary(tmp_path / "runs" / "b" / "v0")
    summaries = [read_summary(tmp_path / "runs" / "a" / f"v{seed}") for seed in (0, 1)]
    for runs, marked in ((summaries, False), ([*summaries, alone], True)):
        html_path, md_path, _ = write_comparison_report(*compare(runs), tmp_path / "out")
        for path in (html_path, md_path):
            assert ("One seed: another one gives other numbers" in path.read_text()) == marked
    rows = {row[0]: row for row in reversed(Page(html_path.read_text()).rows)}
    assert rows["a"][1:4] == ["2", "90.00 ± 0.00 %", "80.00 ± 0.00 %"]
    assert rows["b"][1:4] == ["1", "85.00 % one seed", "80.00 % one seed"]
    text = write_run_report(alone, tmp_path / "out").read_text()
    assert "One seed: another one gives other numbers" in text


def test_classes_are_predicted_as_comes_second_and_training_scores_are_hidden(
    digits_run: Path, tmp_path: Path
) -> None:
    page = Page(write_run_report(read_summary(digits_run), tmp_path).read_text())
    (header,) = (row for row in page.rows if row[:1] == ["class"])
    assert header == [
        *("class", "most often predicted as", "precision", "recall", "F1", "samples"),
        *("ROC AUC", "average precision"),
        *("training precision", "training recall", "training F1", "training samples"),
    ]
    hidden = [e for e in page.attributes if e.get("class") == "number extra"]
    assert len(hidden) == 4 * 11
    assert {"type": "checkbox", "id": "training-scores", "class": "toggle"} in page.attributes


def test_the_test_comes_first(digits_run: Path, tmp_path: Path) -> None:
    summary = read_summary(digits_run)
    text = write_run_report(summary, tmp_path).read_text()
    accuracy = f"{100 * summary.metrics['test/acc']:.2f} %"
    first = re.search(r"<b>(.*?)</b><span>(.*?)</span>", text)
    assert first is not None
    assert first.groups() == (accuracy, "test accuracy")
    rows = Page(text).rows
    assert rows[0] == ["metric", "test", "validation", "training samples", "test, before training"]
    assert rows[1][0] == "Accuracy"
    assert rows[1][1].startswith(accuracy)


def test_a_test_score_has_its_interval_over_samples(tmp_path: Path) -> None:
    """Wilson's of 80 right ones among 100."""
    run = write_answers(write_run(tmp_path / "a" / "version_0"), [True] * 80 + [False] * 20)
    text = write_run_report(read_summary(run), tmp_path).read_text()
    sentence = (
        "over all samples of this kind lies in 71.12 to 86.66 % (95&nbsp;%\nconfidence, from 100"
    )
    assert sentence in text
    assert Page(text).rows[1][1] == "80.00 % 71.12 to 86.66 %"


def test_figures_that_nobody_wanted_are_not_missing(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = write_run(tmp_path / "sweep" / f"version_{seed}", seed=seed)
        path = run / "config.yaml"
        path.write_text(f"{path.read_text()}figures: false\n")
        assert read_summary(run).missing == ()
    summaries = [read_summary(tmp_path / "sweep" / f"version_{seed}") for seed in (0, 1)]
    html_path, *_ = write_comparison_report(*compare(summaries), tmp_path / "out")
    assert "There are no figures" not in html_path.read_text()


@pytest.mark.parametrize(("tested", "alone"), [("same", False), ("other", True)])
def test_why_nothing_is_compared_seed_by_seed(tmp_path: Path, tested: str, alone: bool) -> None:
    runs = [
        write_run(tmp_path / "a" / "v", lr=0.1, val_acc=0.9),
        write_run(tmp_path / "b" / "v", lr=0.2, tested=tested),
    ]
    write_comparison_report(*compare([read_summary(run) for run in runs]), tmp_path / "out")
    for name in ("report.html", "report.md"):
        text = " ".join((tmp_path / "out" / name).read_text().split())
        message = "No other setting shares seeds and test samples with a, the best by validation"
        assert (message in text) == alone
        assert ("Against a, the best by validation" in text) != alone


def test_a_report_links_to_those_of_the_runs(mlp_lab: CommandLine, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a" / "version_0")
    assert mlp_lab("report", "runs/a/version_0").code == 0
    assert mlp_lab("report", "runs", "--out", "out").code == 0
    addresses = Page((tmp_path / "out" / "report.html").read_text()).addresses
    assert "./../runs/a/version_0/report.html" in addresses


ODD = [None, "text", 3, 10**400, [], ["x"], {}, {"a": None}, True, float("inf"), [[1], "b"]]


@pytest.mark.parametrize("value", some_slow(ODD, [None, 10**400, {}]), ids=repr)
def test_odd_content_is_reported_as_far_as_it_goes(tmp_path: Path, value: object) -> None:
    summaries = []
    for name in ("manifest.json", "metrics.json"):
        keys = json.loads((write_run(tmp_path / name / "keys") / name).read_text())
        for key in keys:
            run = write_run(tmp_path / name / f"of_{key.replace('/', '_')}")
            (run / name).write_text(json.dumps(keys | {key: value}))
            summaries.append(read_summary(run))
            write_run_report(summaries[-1], tmp_path / "out")
        for key in keys.get("data", {}):
            run = write_run(tmp_path / name / f"of_data_{key}")
            (run / name).write_text(json.dumps(keys | {"data": keys["data"] | {key: value}}))
            summaries.append(read_summary(run))
            write_run_report(summaries[-1], tmp_path / "out")
    write_comparison_report(*compare(summaries), tmp_path / "out")


@pytest.mark.parametrize(
    "text",
    ["model: 2020-01-01\n", "data: !!set {a, b}\n", "model: {init_args: [1]}\n", "1: {2: 3}\n"],
)
def test_an_odd_configuration_is_compared(tmp_path: Path, text: str) -> None:
    runs = [write_run(tmp_path / name / "v0") for name in ("a", "b")]
    (runs[0] / "config.yaml").write_text(text)
    summaries = [read_summary(run) for run in runs]
    write_run_report(summaries[0], tmp_path)
    write_comparison_report(*compare(summaries), tmp_path)


def test_names_that_look_like_something_else(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name / "v0", lr=lr)
        for name, lr in (("a$\\foo$b", 0.1), ("_hidden", 0.2), ("javascript:alert(1)", 0.3))
    ]
    for run in runs:
        write_run_report(read_summary(run), run)
    (path, *_) = write_comparison_report(*compare([read_summary(run) for run in runs]), tmp_path)
    addresses = Page(path.read_text()).addresses
    assert "./javascript%3Aalert%281%29/v0/report.html" in addresses
    assert all(address.startswith(("data:", "./")) for address in addresses)


@pytest.mark.parametrize("metrics", [{"ece_uncalibrated": 0.1}, {"temperature": 2.0, "ece": "x"}])
def test_a_page_tells_of_a_calibration_that_is_known_whole(
    tmp_path: Path, metrics: dict[str, object]
) -> None:
    run = write_run(tmp_path / "a" / "version_0")
    whole: dict[str, object] = {"ece_uncalibrated": 0.1, "temperature": 2.0, "ece": 0.05}
    for found, is_told in ((whole, True), (dict.fromkeys(whole) | metrics, False)):
        change_metrics(run, **{f"test/{key}": value for key, value in found.items()})
        text = write_run_report(read_summary(run), tmp_path).read_text()
        assert ("divided by a temperature of 2, " in text) == is_told


@pytest.mark.parametrize(("number", "sentence"), [(24, "They are in"), (25, "More of them are in")])
def test_a_page_says_whether_there_are_more_mistakes(
    tmp_path: Path, number: int, sentence: str
) -> None:
    run = write_run(tmp_path / "a" / "version_0")
    head = "index,label,predicted,confidence,yes,no\n"
    (run / "mistakes.csv").write_text(head + "7,yes,no,0.75,0.25,0.75\n" * number)
    text = write_run_report(read_summary(run), tmp_path).read_text()
    assert f"{sentence} mistakes.csv" in text
    assert text.count("<tr><td>7</td>") == 24


NOTE = "Column 'alive' of 't.csv' determines the target 'survived'"


def test_notes_on_the_data_stand_near_the_top_once(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a" / f"v{seed}", seed=seed, notes=[NOTE, f"{EVIL}|*x*"])
        for seed in (0, 1)
    ]
    page = html.unescape(write_run_report(read_summary(runs[0]), tmp_path).read_text())
    assert page.count(NOTE) == 1
    assert page.index("Notes on the data") < page.index(NOTE) < page.index('class="facts"')
    paths = write_comparison_report(*compare([read_summary(run) for run in runs]), tmp_path)
    text, markdown, _ = (path.read_text() for path in paths)
    assert "script" not in Page(text).tags[: Page(text).tags.index("table")]
    for shown, table in ((html.unescape(text), "<table"), (markdown, "| setting")):
        assert shown.count(NOTE) == 1
        assert shown.index("Notes on the data") < shown.index(NOTE) < shown.index(table)
    assert len(markdown_tables(markdown)) == 1


def test_parts_of_the_data_have_their_names(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "v0", fold=0, folds=2)
    rows = Page(write_run_report(read_summary(run), tmp_path).read_text()).rows
    assert ["SHA-256 of the validation part", "same, 0"] in rows
    assert ["SHA-256 of the test part", "same"] in rows
    assert ["training samples", "10"] in rows


def test_a_regression_shows_r2_and_rmse_before_the_loss_that_ranks(tmp_path: Path) -> None:
    runs = [
        write_regression(tmp_path / name / "v", loss, lr=loss)
        for name, loss in (("a", 0.25), ("b", 0.0625))
    ]
    text = write_run_report(read_summary(runs[1]), tmp_path).read_text()
    tiles = re.findall("<li><b>(.*?)</b><span>(.*?)</span></li>", text)
    assert tiles[:5] == [
        *[("0.7143", "test R²"), ("1", "test root mean squared error (RMSE)")],
        *[("0.25", "test loss of scaled targets"), ("0.9375", "validation R²")],
        ("0.0625", "validation loss of scaled targets"),
    ]
    paths = write_comparison_report(*compare([read_summary(run) for run in runs]), tmp_path)
    rows = markdown_tables(paths[1].read_text())[0]
    in_html = Page(paths[0].read_text()).rows[:3]
    assert [row[:9] for row in in_html] == [
        [cell.replace("(one seed)", "one seed") for cell in row[:9]] for row in rows
    ]
    assert {len(row) for row in (*rows, *in_html)} == {14}
    assert rows[0][2:8] == [
        *("validation R²", "test R²", "validation RMSE", "test RMSE"),
        *("validation loss of scaled targets", "test loss of scaled targets"),
    ]
    values = [[cell.removesuffix(" (one seed)") for cell in row[:8]] for row in rows[1:]]
    assert values == [
        ["b", "1", "0.9375", "0.7143", "1", "1", "0.0625", "0.25"],
        ["a", "1", "0.75", "0.7143", "2", "1", "0.25", "0.25"],
    ]


def test_a_loss_of_targets_as_they_are_is_called_loss(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "a" / "v", scale_targets=False)
    text = write_run_report(read_summary(run), tmp_path).read_text()
    assert "<span>validation loss</span>" in text
    assert "scaled targets" not in text
