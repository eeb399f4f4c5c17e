"""mlp-lab export of several runs: one file, what it gains, and what is refused."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from scipy import stats

import mlp_lab as package
from mlp_lab.data import Digits, LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.inference import Predictor
from mlp_lab.runs.run import Run
from tests.conftest import CommandLine
from tests.helpers.cards import read_card
from tests.report.helpers import Page, markdown_tables

# Two runs of each kind that version 0.1 left; one of them was stopped.
OLD = Path(__file__).parents[2] / "version_0_1"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return copy_runs(tmp_path, "classification")


def copy_runs(tmp_path: Path, task: str) -> list[Path]:
    """Return two runs below runs/, the first of them finished."""
    for number, name in enumerate(("whole", "stopped")):
        place = tmp_path / "runs" / task / f"version_{number}"
        shutil.copytree(OLD / name / task / "version_0", place)
    return [Path("runs", task, f"version_{number}") for number in (0, 1)]


@pytest.mark.export
def test_several_runs_are_one_file_with_what_it_gains(
    mlp_lab: CommandLine, runs: list[Path]
) -> None:
    outcome = mlp_lab("export", *runs)
    assert (outcome.code, outcome.err) == (0, "")
    model = Path("runs", "classification", "ensemble.onnx")
    assert outcome.last_line == f"written: {model}"
    data = LabDataModule(Digits())
    data.setup("test")
    images = data.subsets["test"].samples.inputs[data.subsets["test"].indices].numpy()
    labels = data.subsets["test"].labels.numpy()
    answers = [Predictor(run / "checkpoints" / "best.ckpt").predict(images) for run in runs]
    mean = np.mean(answers, axis=0)
    session = onnxruntime.InferenceSession(model)
    logits, probabilities = session.run(None, {"inputs": images})
    assert probabilities == pytest.approx(mean, abs=1e-5)
    assert np.exp(logits) == pytest.approx(mean, abs=1e-5)
    predictor = Predictor(model)
    assert [one.run for one in predictor.info.members] == [
        "classification/version_0",
        "classification/version_1",
    ]

    right = [(answer.argmax(1) == labels).astype(float) for answer in (*answers, mean)]
    scores = json.loads(model.with_suffix(".json").read_text())
    assert scores["num_samples"] == len(labels)
    assert scores["test"] == pytest.approx(right[-1].mean())
    wilson = stats.binomtest(int(right[-1].sum()), len(labels)).proportion_ci(method="wilson")
    assert scores["interval"] == pytest.approx([wilson.low, wilson.high])
    ends = f"{100 * wilson.low:.2f} to {100 * wilson.high:.2f} %"
    assert f"accuracy {100 * right[-1].mean():.2f} % ({ends}) on {len(labels)} test" in outcome.out
    assert scores["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert predictor.info.metrics["test/acc"] == pytest.approx(right[-1].mean())
    assert {"val/acc", "test/f1_macro"} < predictor.info.metrics.keys()
    assert [one["test"] for one in scores["members"]] == [
        pytest.approx(own.mean()) for own in right[:-1]
    ]
    assert scores["mean"] == pytest.approx(np.mean(right[:-1]))
    differences = right[-1] - np.mean(right[:-1], axis=0)
    assert scores["gain"]["mean"] == pytest.approx(differences.mean())
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert scores["gain"]["interval"] == pytest.approx([expected.low, expected.high])

    path = model.with_name("ensemble_MODEL_CARD.md")
    of_the_card = f" of {len(labels)} images; over all images of this kind it lies in {ends} (95 %"
    assert of_the_card in path.read_text()
    card = read_card(path)
    assert "the mean probabilities of 2 nets" in card.facts("The model")["Net"]
    assert [row[0] for row in card.rows["Members"][1:]] == [
        *("classification/version_0", "classification/version_1"),
        *("mean of the members", "ensemble"),
    ]
    assert len(card.code) == 2
    for block in card.code:
        exec(block.replace('"ensemble.onnx"', f'"{model}"'), {})

    np.savez("digits.npz", x_test=images, y_test=labels)
    accuracy = f"accuracy {right[-1].mean():.4f} of {len(labels)} labelled"
    assert accuracy in mlp_lab("infer", model, "digits.npz").out


def test_the_report_shows_what_an_ensemble_gains(mlp_lab: CommandLine, runs: list[Path]) -> None:
    model = Path("runs", "classification", "ensemble.pth")
    assert mlp_lab("export", *runs, "--format=pth").last_line == f"written: {model}"
    outcome = mlp_lab("report", model)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.last_line == f"report: {model.with_suffix('.html')}"
    (sentence,) = [line for line in outcome.out.splitlines() if "over the mean of its" in line]
    assert sentence.startswith("ensemble.pth: ")
    assert sentence in mlp_lab("report", "runs").out
    (run,) = (
        row for row in Page(model.with_suffix(".html").read_text()).rows if "version_1" in row[0]
    )
    rows = Page(Path("runs", "report.html").read_text()).rows
    assert run in rows
    tables = markdown_tables(Path("runs", "report.md").read_text())
    assert run in tables[-1]
    assert mlp_lab("report", runs[0] / "config.yaml").code == 2


@pytest.mark.parametrize(
    ("task", "place"), [pytest.param("binary", 0, marks=pytest.mark.slow), ("regression", 1)]
)
def test_other_tasks(mlp_lab: CommandLine, tmp_path: Path, task: str, place: int) -> None:
    runs = copy_runs(tmp_path, task)
    last = runs[place] / "checkpoints" / "last.ckpt"  # its best one is the same net
    outcome = mlp_lab("export", runs[0], last, "--out=my.pth", "--format=pth")
    assert (outcome.code, outcome.err) == (0, "")
    scores, info = json.loads(Path("my.json").read_text()), Predictor("my.pth").info
    if task == "binary":
        assert scores["test"] == pytest.approx(info.metrics["test/acc"])
    else:
        assert scores["test"] == pytest.approx(info.metrics["test/rmse"] ** 2, rel=1e-4)
        # The error of a mean is at most the mean of the errors.
        assert scores["test"] <= scores["mean"]
    assert "test/loss" not in info.metrics


def test_of_a_directory_the_finished_runs_are_taken(mlp_lab: CommandLine, runs: list[Path]) -> None:
    outcome = mlp_lab("export", "runs", "--format=pth")
    assert outcome.code == 2
    assert "left out: classification/version_1 (its status is running)" in outcome.out
    assert "An ensemble needs two finished runs, and runs has 1." in outcome.err
    Run(runs[1]).end("finished")
    outcome = mlp_lab("export", "runs", "--format=pth")
    assert outcome.last_line == f"written: {Path('runs', 'ensemble.pth')}"


def test_what_cannot_be_an_ensemble_is_one_sentence(
    mlp_lab: CommandLine, runs: list[Path], tmp_path: Path
) -> None:
    one, two = runs
    others = copy_runs(tmp_path, "binary")
    shutil.copy(two / "checkpoints" / "best.ckpt", "far.ckpt")
    for words, message in (
        ([one, one], "classification/version_0 and classification/version_0 are the same net"),
        (
            [one, others[0]],
            "kind of task: classification/version_0 has classes, and binary/version",
        ),
        ([one, "nowhere"], "'nowhere' holds no run"),
        ([one, "far.ckpt"], "'far.ckpt' lies in no run, so it is not known what it was tested on"),
        ([*runs, f"--config={one}/config.yaml"], "--config cannot be set for an ensemble"),
        ([*runs, "--model.loss=x"], "--model.loss=x cannot be set for an ensemble"),
        ([*runs, "--out=a.x"], "out is 'a.x'; it must be a .onnx"),
        ([*runs, f"--out={one}/metrics.onnx"], "metrics.json', where the scores of metrics.onnx w"),
    ):
        outcome = mlp_lab("export", *words)
        assert outcome.code == 2, words
        assert message in outcome.err
        assert outcome.err.count("\n") == 1
    assert not [*tmp_path.rglob("*ensemble*"), *tmp_path.rglob(".*part")]


def change_hash(run: Path, key: str) -> None:
    """Let a run have been trained with other data, or another split or test part of them."""
    data = Run(run).read_manifest()["data"]
    Run(run).update_manifest(data={**data, "sha256": {**data["sha256"], key: "other"}})


def test_other_test_samples_are_refused(mlp_lab: CommandLine, runs: list[Path]) -> None:
    change_hash(runs[1], "test")
    outcome = mlp_lab("export", *runs, "--format=pth")
    assert outcome.code == 2
    assert "classification/version_1 has other test samples than those of classi" in outcome.err


def test_from_python_without_a_shared_split(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change_hash(runs[1], "split")
    path = package.export_ensemble([package.Run(runs[0]), runs[1]], "my.pth")
    assert path == Path("my.pth")
    info = package.Predictor(path).info
    assert len(info.members) == 2
    # One may have been trained on what another one is validated on.
    assert json.loads(Path("my.json").read_text())["validation"] is None
    assert "val/acc" not in info.metrics
    with pytest.raises(ConfigError, match="An ensemble needs two runs"):
        package.export_ensemble([runs[0]], "my.pth")
    with pytest.raises(ConfigError, match=r"out is 'my\.h5'; it must be a \.onnx or a \.pth"):
        package.export_ensemble(runs, "my.h5")


def test_the_test_set_is_no_validation(
    mlp_lab: CommandLine, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in runs:
        config = run / "config.yaml"
        config.write_text(config.read_text().replace("validate_on: val", "validate_on: test"))
        data = LabDataModule(Digits(), validate_on="test")
        data.setup("test")
        own = Run(run).read_manifest()["data"]
        Run(run).update_manifest(
            data={**own, "validation": "test set", "sha256": data.fingerprints()}
        )
    outcome = mlp_lab("export", *runs, "--format=pth", "--out=e.pth")
    assert (outcome.code, outcome.err) == (0, "")
    scores = json.loads(Path("e.json").read_text())
    assert scores["validation"] is None
    assert [member["validation"] for member in scores["members"]] == [None, None]
    assert "val/acc" not in package.Predictor("e.pth").info.metrics


def test_a_damaged_file_of_scores_stops_neither_report_nor_export(
    mlp_lab: CommandLine, runs: list[Path]
) -> None:
    words = ("export", *runs, "--format=pth")
    place = Path("runs", "classification")
    mlp_lab(*words)
    scores = (place / "ensemble.json").read_text()
    (place / "ensemble.json").write_text("{")
    (place / "x.onnx").touch()
    (place / "x.json").write_text("[1, 2]")
    outcome = mlp_lab("report", place)
    assert (outcome.code, outcome.err) == (0, "")
    for name in ("ensemble.pth", "x.onnx"):
        (line,) = [line for line in outcome.out.splitlines() if f"{name} is left out" in line]
        assert "is damaged: " in line
    assert (place / "report.html").is_file()
    assert mlp_lab(*words).code == 0
    assert (place / "ensemble.json").read_text() == scores
    outcome = mlp_lab(*words, f"--out={place / 'x.pth'}")
    assert outcome.code == 2
    assert "x.json', where the scores of x.pth would go, is a file of something" in outcome.err
    assert (place / "x.json").read_text() == "[1, 2]"


@pytest.mark.filterwarnings("ignore:.*was written by mlp_lab 0.1.0")
def test_scores_are_not_taken_for_those_of_another_model(
    mlp_lab: CommandLine, runs: list[Path]
) -> None:
    out = Path("runs", "classification", "e.pth")
    mlp_lab("export", *runs, f"--out={out}", "--format=pth")
    mlp_lab("export", runs[0], f"--out={out}", "--format=pth")
    outcome = mlp_lab("report", "runs")
    assert outcome.code == 0
    assert "e.json' does not hold the scores of e.pth as it is now" in outcome.out
    assert "2 members" not in outcome.out
    outcome = mlp_lab("report", out)
    assert outcome.code == 2
    assert "e.json' does not hold the scores of e.pth as it is now" in outcome.err


def test_what_fails_leaves_both_files_as_they_were(
    mlp_lab: CommandLine, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("export", *runs, "--out=e.pth", "--format=pth")
    assert mlp_lab(*words).code == 0
    before = {path.name: path.read_bytes() for path in Path().glob("*e.*")}
    assert before.keys() == {"e.pth", "e.json"}
    monkeypatch.setattr("mlp_lab.export.model_file.TOLERANCE", -1.0)
    outcome = mlp_lab(*words)
    assert outcome.code == 1
    assert "Nothing was written" in outcome.err
    assert {path.name: path.read_bytes() for path in Path().glob("*e.*")} == before
    assert not [*Path().glob(".*")]
