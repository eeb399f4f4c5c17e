"""stats describes a data set, and prepare writes it with its split as one file."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from mlp_lab.data import Digits, LabDataModule
from tests.conftest import CommandLine
from tests.helpers.small_table import words_of, write_small_table


def test_stats_counts_measures_and_draws(mlp_lab: CommandLine, fake_root: Path) -> None:
    words = ["--data.source=Digits", "--data.imbalance={'3': 0.5}", "--data.resample=over"]
    (Path.cwd() / "augment.yaml").write_text("data: {augment: [{class_path: PadCrop}]}")
    outcome = mlp_lab("stats", *words, "--config=augment.yaml")
    assert outcome.code == 0, outcome.err
    data = LabDataModule(Digits(), imbalance={"3": 0.5}, resample="over")
    data.prepare_data()
    data.setup("fit")
    train, val, test = (data.subsets[part].labels for part in ("train", "val", "test"))
    for text in ("1 x 8 x 8", f"{len(train):,}", f"{data.mean.item():.4f}", "0.0000", "1.0000"):
        assert text in outcome.out
    numbers = (int((labels == 3).sum()) for labels in (train, val, test))
    assert "train {}  val {}  test {}".format(*numbers) in outcome.out
    for name in ("class_balance", "samples", "augmented"):
        path = Path("stats/Digits") / f"{name}.png"
        assert f"figure: {path}" in outcome.out
        assert path.read_bytes().startswith(b"\x89PNG")
    assert not Path("runs").exists()


@pytest.mark.parametrize("source", ["XOR", "CIFAR100"])
@pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")
def test_stats_draws_points_and_many_classes(
    mlp_lab: CommandLine, fake_root: Path, source: str
) -> None:
    outcome = mlp_lab("stats", f"--data.source={source}", f"--data.root={fake_root}", "--out=here")
    assert outcome.code == 0, outcome.err
    assert Path("here/samples.png").is_file()
    assert Path("here/class_balance.png").is_file()


@pytest.mark.parametrize("validate_on", ["val", "test"])
def test_a_prepared_file_trains_as_the_original(mlp_lab: CommandLine, validate_on: str) -> None:
    words = [f"--data.validate_on={validate_on}", "--data.batch_size=32"]
    outcome = mlp_lab("prepare", "--data.source=Digits", *words, "--out=data/ein Satz.pt")
    assert outcome.code == 0, outcome.err
    assert "written: data/ein Satz.pt" in outcome.last_line
    sources = (
        ["--data.source=Digits"],
        ["--data.source=TensorFile", "--data.source.path=data/ein Satz.pt"],
    )
    runs = [mlp_lab("fit", *s, *words, "--trainer.max_epochs=2").run_dir for s in sources]
    assert (runs[0] / "metrics.csv").read_bytes() == (runs[1] / "metrics.csv").read_bytes()
    content = torch.load("data/ein Satz.pt", weights_only=True)
    assert content["classes"] == list("0123456789")
    assert content["provenance"]["source"] == "Digits"
    assert 0 < content["mean"] < 1


def test_regression_targets_are_prepared_and_described(mlp_lab: CommandLine) -> None:
    words = ["--model=RegressionTask", "--trainer.max_epochs=2"]
    outcome = mlp_lab("prepare", "--data.source=SigmoidCurve", words[0], "--out=s.pt")
    assert outcome.code == 0, outcome.err
    prepared = ["--data.source=TensorFile", "--data.source.path=s.pt"]
    prepared.append("--data.source.targets=numbers")
    assert " ".join(word.replace("=", " ") for word in prepared) in outcome.last_line
    runs = [mlp_lab("fit", *s, *words).run_dir for s in (["--data.source=SigmoidCurve"], prepared)]
    assert (runs[0] / "metrics.csv").read_bytes() == (runs[1] / "metrics.csv").read_bytes()
    outcome = mlp_lab("stats", *prepared, words[0], "--out=here")
    assert outcome.code == 0, outcome.err
    assert "targets" in outcome.out
    assert "standard deviation 0." in outcome.out
    assert "prepared from" in outcome.out
    assert [path.name for path in Path("here").iterdir()] == ["samples.png"]


@pytest.mark.parametrize("target", ["kind", pytest.param("price", marks=pytest.mark.slow)])
def test_a_prepared_table_trains_as_the_original(mlp_lab: CommandLine, target: str) -> None:
    """So it has the same columns, a rare category and missing cells among them."""
    words = words_of(write_small_table(Path("small.csv")), target)
    outcome = mlp_lab("prepare", *words, "--out=small.pt")
    assert outcome.code == 0, outcome.err
    task = ["--model=RegressionTask"] if target == "price" else []
    prepared = ["--data.source=TensorFile", "--data.source.path=small.pt", *task]
    prepared += ["--data.source.targets=numbers"] if target == "price" else []
    runs = [mlp_lab("fit", *w, "--trainer.max_epochs=2").run_dir for w in (words, prepared)]
    assert (runs[0] / "metrics.csv").read_bytes() == (runs[1] / "metrics.csv").read_bytes()
    described = [json.loads((run / "manifest.json").read_text())["data"] for run in runs]
    assert described[0]["columns"] == described[1]["columns"]
    assert described[0]["columns"][3]["categories"] == ["blue", "red"]
    assert described[0]["columns"][3]["has_other"]


@pytest.mark.parametrize(
    ("target", "figures"),
    [
        ("kind", {"class_balance.png", "columns.png", "correlation.png"}),
        ("price", {"columns.png", "correlation.png"}),
    ],
)
def test_a_table_is_described_column_by_column(
    mlp_lab: CommandLine, target: str, figures: set[str]
) -> None:
    words = words_of(write_small_table(Path("small.csv")), target)
    outcome = mlp_lab("stats", *words, "--out=here")
    assert (outcome.code, outcome.err) == (0, "")
    assert {path.name for path in Path("here").iterdir()} == figures
    for pattern in (
        r"columns +│ 4 +│",
        r"size +│ numeric +│ \d+\.\d % +│ median ",
        r"wet +│ boolean +│ +│ False \d\d\.\d %, True",
        r"colour +│ categorical +│ \d\.\d % +│ (red|blue) .*, other \d\.\d %",
    ):
        assert re.search(pattern, outcome.out), pattern
    assert "normalised" not in outcome.out


@pytest.mark.parametrize("name", ["a.small.csv", "a.small.csv.gz"])
def test_figures_lie_under_the_name_of_the_file(mlp_lab: CommandLine, name: str) -> None:
    plain = write_small_table(Path("small.csv")).read_bytes()
    Path(name).write_bytes(gzip.compress(plain) if name.endswith(".gz") else plain)
    assert mlp_lab("stats", *words_of(Path(name), "kind")).code == 0
    assert [path.name for path in Path("stats").iterdir()] == ["a.small"]


def test_many_features_are_described_by_their_range(mlp_lab: CommandLine) -> None:
    features = np.arange(6.0) + np.zeros((40, 1))
    np.savez("six.npz", x=features, y=np.arange(40) % 2)
    outcome = mlp_lab("stats", "--data.source=TensorFile", "--data.source.path=six.npz")
    assert outcome.code == 0, outcome.err
    assert "0.0000 to 5.0000" in outcome.out
    assert [path.name for path in Path("stats").iterdir()] == ["six"]
    assert not Path("stats/six/samples.png").exists()


@pytest.mark.parametrize("out", [[], ["--out=data.npz"]])
def test_prepare_needs_a_file_name(mlp_lab: CommandLine, out: list[str]) -> None:
    outcome = mlp_lab("prepare", "--data.source=Digits", *out)
    assert outcome.code == 2
    assert "name it with --out FILE.pt." in outcome.err


@pytest.mark.parametrize("command", ["stats", "prepare"])
def test_no_net_is_made(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """So none needs to fit the data either: the default task has classes."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a net was made")

    monkeypatch.setattr("mlp_lab.nets.MLP.__init__", fail)
    outcome = mlp_lab(command, "--data.source=SigmoidCurve", "--out=curve.pt")
    assert (outcome.code, outcome.err) == (0, "")
