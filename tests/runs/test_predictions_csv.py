"""predictions.csv: places, labels and what was predicted, as a spreadsheet reads them."""

from pathlib import Path

import numpy as np

from mlp_lab.runs.predictions_csv import (
    class_columns,
    place_columns,
    target_columns,
    write_columns,
)

PLACES = [2, 0]


def test_classes_have_names_and_probabilities(tmp_path: Path) -> None:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]])
    columns = class_columns(probabilities, np.array([-1, 0]), ["=cat", "dog"])
    write_columns(tmp_path / "p.csv", place_columns(PLACES, None) + columns)
    assert (tmp_path / "p.csv").read_text() == (
        "index,label,predicted,confidence,'=cat,dog\n"
        "2,,dog,0.750000,0.250000,0.750000\n"
        "0,'=cat,'=cat,0.500000,0.500000,0.500000\n"
    )


def test_files_are_named_where_samples_have_their_own(tmp_path: Path) -> None:
    columns = target_columns(np.array([[1.5], [-2.0]]), np.array([[1.0], [np.nan]]))
    write_columns(tmp_path / "p.csv", place_columns(PLACES, ["c, ö.png", "a.png"]) + columns)
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == (
        'index,file,target,predicted\n2,"c, ö.png",1.000000,1.500000\n0,a.png,,-2.000000\n'
    )


def test_several_targets_are_numbered() -> None:
    outputs = np.array([[1.0, 2.0]])
    columns = target_columns(outputs, outputs + 1)
    assert [(head, list(values)) for head, values in columns] == [
        ("target_1", ["2.000000"]),
        ("predicted_1", ["1.000000"]),
        ("target_2", ["3.000000"]),
        ("predicted_2", ["2.000000"]),
    ]
