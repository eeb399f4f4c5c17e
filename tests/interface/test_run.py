"""``mlp_lab.Run``: what the files hold, and the net in use."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import mlp_lab
from mlp_lab.data import Digits
from mlp_lab.errors import ChecksumError, ConfigError, MissingExtraError, RunNotFoundError
from mlp_lab.runs.metrics_csv import read_rows
from tests.helpers.runs import read_manifest, read_metrics


@pytest.fixture
def run(digits_run: Path) -> mlp_lab.Run:
    return mlp_lab.Run(digits_run)


@pytest.fixture
def own_run(digits_run: Path, tmp_path: Path) -> mlp_lab.Run:
    """One that may be changed."""
    return mlp_lab.Run(shutil.copytree(digits_run, tmp_path / "mine" / "version_0"))


@pytest.fixture(scope="module")
def images() -> Any:
    return Digits().load(Path(), download=False)["train"].inputs[:7].numpy()


def test_it_holds_what_the_files_hold(run: mlp_lab.Run, digits_run: Path) -> None:
    assert run.dir == digits_run
    assert run.name == f"{digits_run.parent.name}/version_0"
    assert run.metrics == read_metrics(digits_run)
    assert run.manifest == read_manifest(digits_run)
    assert run.status == "finished"
    assert run.class_names == tuple("0123456789")
    assert run.config["trainer"]["max_epochs"] == 3
    assert run.figures["confusion"] == digits_run / "plots" / "confusion.png"
    assert repr(run) == f"Run({str(digits_run)!r})"


def test_the_history_has_a_row_for_each_of_the_files(run: mlp_lab.Run, digits_run: Path) -> None:
    rows, history = read_rows(digits_run / "metrics.csv"), run.history()
    assert [*history] == [*rows[0]]
    assert history["step"].dtype == np.int64
    assert history["step"].tolist() == [int(row["step"]) for row in rows]
    expected = [float(row["val/acc"] or "nan") for row in rows]
    np.testing.assert_array_equal(history["val/acc"], expected)
    assert np.isfinite(history["val/acc"]).sum() == 3


def test_a_frame_is_of_what_is_installed(run: mlp_lab.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    polars = SimpleNamespace(DataFrame=lambda columns: ("frame", [*columns]))
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", polars)
    assert run.history(frame=True) == ("frame", [*run.history()])
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match="needs pandas or polars"):
        run.history(frame=True)


def test_the_net_answers_as_the_prediction(run: mlp_lab.Run, images: Any, tmp_path: Path) -> None:
    net = run.net()
    assert not net.training
    _, expected = net(torch.from_numpy(images))
    found: Any = run.predict(images)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    np.testing.assert_array_equal(run.predict(torch.from_numpy(images)), found)
    np.testing.assert_allclose(run.predict(images[3]), found[3], atol=1e-6)
    for number in (0, 1):
        (tmp_path / str(number)).mkdir()
        Image.fromarray(images[number, 0]).save(tmp_path / str(number) / "a.png")
    paths: list[str | Path] = [tmp_path / "1", tmp_path / "0" / "a.png"]
    of_files: Any = run.predict(paths)
    np.testing.assert_allclose(of_files, found[[1, 0]], atol=1e-6)
    np.testing.assert_allclose(run.predict(str(paths[1])), found[:1], atol=1e-6)
    with pytest.raises(ConfigError, match="There is nothing to predict: the list is empty"):
        run.predict([])
    (tmp_path / "1" / "b.png").write_text("no image")
    assert len(run.predict([tmp_path / "1"], broken="skip")) == 1
    with pytest.raises(ConfigError, match=r"The inputs are uint8 of shape \(1, 4, 8\); the model"):
        run.predict(images[:, :, :4])


def test_it_is_tested_exported_and_reported_anew(
    own_run: mlp_lab.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = own_run.metrics
    assert own_run.test() == {
        key: value
        for key, value in before.items()
        if key.startswith("test/") and isinstance(value, float)
    }
    path = own_run.export("pth")
    assert path == own_run.dir / "model.pth"
    assert path.is_file()
    other = own_run.export("pth", own_run.dir.parent / "other.pth")
    assert other.is_file()
    own_run.report().unlink()
    assert own_run.report().is_file()
    assert capsys.readouterr().out == ""


def test_an_export_that_is_outdated_is_not_used(own_run: mlp_lab.Run, images: Any) -> None:
    other = mlp_lab.fit(
        settings={"trainer.max_epochs": 5, "figures": False, "onnx": False},
        run_dir=own_run.dir,
        verbose=False,
    )
    _, expected = other.net()(torch.from_numpy(images))
    np.testing.assert_allclose(other.predict(images), expected.numpy(), atol=1e-5)


def test_a_notebook_shows_results_and_curves(run: mlp_lab.Run) -> None:
    html = run._repr_html_()
    assert f"<strong>{run.name}</strong>: Digits, MLP, finished, best epoch" in html
    assert f"<td>Accuracy</td><td>{run.metrics['test/acc']:.2%}".replace("%", " %") in html
    assert html.count('<img src="data:image/png;base64,') == 2


def test_a_run_that_is_not_whole_is_said_to_be_none_or_answers_what_it_can(
    own_run: mlp_lab.Run, images: Any, tmp_path: Path
) -> None:
    expected = own_run.predict(images)
    (own_run.dir / "model.onnx").unlink()
    np.testing.assert_allclose(own_run.predict(images), expected, atol=1e-5)
    shutil.rmtree(own_run.dir / "checkpoints")
    for use in (own_run.net, lambda: own_run.predict(images)):
        with pytest.raises(RunNotFoundError, match=r"has no best.ckpt. Train it first: mlp-lab fi"):
            use()
    for name in ("metrics.csv", "manifest.json"):
        (own_run.dir / name).unlink()
    assert (own_run.history(), own_run.manifest, own_run.status) == ({}, {}, "unknown")
    assert "manifest.json is missing" in own_run._repr_html_()
    (own_run.dir / "metrics.json").write_text("{")
    with pytest.raises(ChecksumError, match=r"metrics.json' is damaged"):
        _ = own_run.metrics
    (own_run.dir / "config.yaml").unlink()
    with pytest.raises(RunNotFoundError, match=r"holds no run: there is no config.yaml in it"):
        mlp_lab.Run(own_run.dir)
    with pytest.raises(RunNotFoundError, match=r"holds no run"):
        mlp_lab.Predictor(tmp_path / "mine")


def test_runs_are_listed_by_name(own_run: mlp_lab.Run, tmp_path: Path) -> None:
    other = shutil.copytree(own_run.dir, tmp_path / "also" / "version_0")
    lost = shutil.copytree(own_run.dir, tmp_path / "lost" / "version_0")
    (lost / "config.yaml").unlink()
    assert [run.dir for run in mlp_lab.list_runs(tmp_path)] == [other, own_run.dir]
    assert mlp_lab.list_runs(tmp_path / "also" / "version_0" / "plots") == []


def test_runs_are_compared(own_run: mlp_lab.Run, tmp_path: Path) -> None:
    other = shutil.copytree(own_run.dir, tmp_path / "other" / "version_0")
    for name, change in (("metrics.json", {"val/acc": 0.5, "test/acc": 0.25}),):
        content = json.loads((other / name).read_text()) | change
        (other / name).write_text(json.dumps(content))
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("batch_size: 16", "batch_size: 8"))
    comparison = mlp_lab.compare(tmp_path)
    best, worst = comparison.table
    assert best["validation"] == own_run.metrics["val/acc"]
    assert (worst["setting"], worst["data.batch_size"]) == ("other", "8")
    assert (worst["validation"], worst["test"], worst["test_std"]) == (0.5, 0.25, None)
    assert (worst["metric"], worst["seeds"]) == ("acc", 1)
    low, high = best["test_interval"]
    assert low < best["test"] < high
    assert worst["test_interval"] is None  # its metrics are not those of its test
    (pair,) = comparison.pairs
    assert (pair["setting"], pair["best"]) == ("other", best["setting"])
    assert (pair["seeds"], pair["told_apart"]) == (1, "no")
    assert pair["difference"] == pytest.approx(0.25 - best["test"])
    assert (pair["interval_over_seeds"], pair["interval_over_samples"]) == (None, None)
    assert "| other | 1 | 50.00 % (one seed) | 25.00 % (one seed) |" in comparison.to_markdown()
    assert str(comparison) == comparison.to_markdown()
    assert repr(comparison).startswith("RunComparison(2 settings, best Digits: ")
    assert comparison._repr_markdown_() == comparison.to_markdown()
    assert not (tmp_path / "report.md").exists()
