"""mistakes.csv: what was classified wrongly, the most confident mistakes first."""

import csv
from pathlib import Path

import pytest
import torch

from mlp_lab.callbacks import mistakes_file
from mlp_lab.callbacks.mistakes_file import MistakesFile
from mlp_lab.data import Digits, LabDataModule
from mlp_lab.evaluation.evaluation import Evaluation
from mlp_lab.tasks import ClassificationTask
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.training import fake_trainer


def test_it_lists_the_most_confident_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = LabDataModule(Digits(), root=tmp_path)
    data.setup("fit")
    labels = data.subsets["test"].labels
    probabilities = 0.1 * torch.nn.functional.one_hot(labels, 10).float()
    for row, confidence in ((3, 0.5), (8, 0.9), (5, 0.7), (9, 0.7)):
        probabilities[row, (labels[row] + 1) % 10] = confidence
    task = ClassificationTask((1, 8, 8), 10)
    confusion = torch.zeros(10, 10, dtype=torch.long)
    task.evaluation = Evaluation(
        {}, data.class_names, confusion, probabilities, labels, probabilities, is_complete=True
    )
    monkeypatch.setattr(mistakes_file, "MAX_MISTAKES", 3)
    callback = MistakesFile(tmp_path)
    callback.on_test_end(fake_trainer(datamodule=data), task)
    assert callback.results.written == {"mistakes.csv"}
    rows = [*csv.DictReader((tmp_path / "mistakes.csv").read_text().splitlines())]
    assert [*rows[0]] == ["index", "label", "predicted", "confidence", *map(str, range(10))]
    expected = [int(data.subsets["test"].indices[row]) for row in (8, 5, 9)]
    assert [int(row["index"]) for row in rows] == expected
    assert [row["confidence"] for row in rows] == ["0.9", "0.7", "0.7"]
    assert all(int(r["predicted"]) == (int(r["label"]) + 1) % 10 for r in rows)


def test_a_run_has_it_and_its_report_shows_it(mlp_lab: CommandLine, digits_run: Path) -> None:
    rows = [*csv.DictReader((digits_run / "mistakes.csv").read_text().splitlines())]
    wrong = round((1 - read_metrics(digits_run)["test/acc"]) * 359)
    assert len(rows) == wrong > 3
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences == sorted(confidences, reverse=True)
    page = (digits_run / "report.html").read_text()
    assert "The most confident mistakes on the test set" in page
    assert f"<tr><td>{rows[0]['index']}</td><td>{rows[0]['label']}</td>" in page


def test_numbers_have_none(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    assert not (mlp_lab("fit", *words).run_dir / "mistakes.csv").exists()
