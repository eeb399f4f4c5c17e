"""One table of predictions, whoever writes it."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlp_lab.inference.table import PredictionTable, Row

PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.6, 0.1, 0.3]], np.float32)
NAMES = ("cat", "label", "=dog")


def classes(**settings: object) -> tuple[PredictionTable, list[Row]]:
    table = PredictionTable(NAMES, 3, has_files=True, **settings)  # type: ignore[arg-type]
    places = [(0, "a.png"), (1, "b.png")]
    return table, [*table.rows(places, PROBABILITIES, np.array([-1, 2]))]


def test_probabilities_stand_behind_all_else(tmp_path: Path) -> None:
    table, rows = classes()
    table.write(tmp_path / "a.csv", rows)
    assert (tmp_path / "a.csv").read_text() == (
        "index,file,label,predicted,confidence,cat,label,'=dog\n"
        "0,a.png,,label,0.7,0.1,0.7,0.2\n"
        "1,b.png,'=dog,cat,0.6,0.6,0.1,0.3\n"
    )


def test_in_json_they_are_an_object_of_their_own(tmp_path: Path) -> None:
    """A class may be called as a column, and an object has each key once."""
    table, rows = classes()
    table.write(tmp_path / "a.json", rows)
    first, second = json.loads((tmp_path / "a.json").read_text())
    assert [*first] == ["index", "file", "label", "predicted", "confidence", "probabilities"]
    assert (first["label"], second["label"], second["predicted"]) == ("", "=dog", "cat")
    assert first["probabilities"] == pytest.approx(dict(zip(NAMES, PROBABILITIES[0], strict=True)))


def test_the_likeliest_come_in_order(tmp_path: Path) -> None:
    table, rows = classes(top_k=3)
    assert table.columns[3:] == [
        *("predicted", "confidence", "predicted_2", "confidence_2", "predicted_3", "confidence_3"),
    ]
    assert [*rows[1].cells.values()][3:] == pytest.approx(["cat", 0.6, "=dog", 0.3, "label", 0.1])


def test_the_name_of_version_0_1_is_the_last_column(tmp_path: Path) -> None:
    table, rows = classes(has_old_name=True)
    rows = [replace(row, old_name=f"d/{row.cells['file']}") for row in rows]
    table.write(tmp_path / "a.csv", rows)
    lines = [*csv.reader((tmp_path / "a.csv").read_text().splitlines())]
    assert [line[-1] for line in lines] == ["input", "d/a.png", "d/b.png"]
    table.write(tmp_path / "a.json", rows)
    assert json.loads((tmp_path / "a.json").read_text())[1]["input"] == "d/b.png"
    without = PredictionTable((), 1, has_files=False, has_old_name=True)
    without.write(tmp_path / "b.csv", without.rows([(7,)], np.array([[2.5]]), None, ["7"]))
    assert (tmp_path / "b.csv").read_text() == "index,target,predicted,input\n7,,2.5,7\n"


def test_each_target_stands_before_its_prediction(tmp_path: Path) -> None:
    table = PredictionTable((), 2, has_files=False)
    outputs, targets = np.array([[1.0, 1e-9], [3.0, 4.0]]), np.array([[0.5, 2.0], [np.nan, 5.0]])
    table.write(tmp_path / "a.csv", table.rows([(4,), (2,)], outputs, targets))
    assert (tmp_path / "a.csv").read_text() == (
        "index,target_1,predicted_1,target_2,predicted_2\n4,0.5,1,2,1e-09\n2,,3,5,4\n"
    )


def test_without_rows_there_is_a_head(tmp_path: Path) -> None:
    table, _ = classes()
    for kind, text in (
        ("csv", "index,file,label,predicted,confidence,cat,label,'=dog\n"),
        ("json", "[\n]\n"),
    ):
        table.write(tmp_path / f"a.{kind}", [])
        assert (tmp_path / f"a.{kind}").read_text() == text
