"""metrics.csv: whole rows alone, columns with their times, and the means of epochs."""

from pathlib import Path

import pytest

from mlp_lab.runs.metrics_csv import column, epoch_means, read_rows

TEXT = """\
epoch,step,train/loss,val/acc
1,1,0.5,
1,2,0.25,
1,2,,0.75
2,3,1e-3,
"""


def test_a_row_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert read_rows(path) == []
    path.write_text(f"{TEXT}2,4,0.1")
    rows = read_rows(path)
    assert [row["step"] for row in rows] == ["1", "2", "2", "3"]
    assert rows[2] == {"epoch": "1", "step": "2", "train/loss": "", "val/acc": "0.75"}


def test_columns_and_means(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(TEXT)
    rows = read_rows(tmp_path / "metrics.csv")
    assert column(rows, "train/loss", "step") == ([1, 2, 3], [0.5, 0.25, 0.001])
    assert column(rows, "val/acc", "epoch") == ([1], [0.75])
    assert column(rows, "lr", "step") == ([], [])
    assert epoch_means(rows, "train/loss") == ([1, 2], [0.375, 0.001])


def test_a_long_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(f"{TEXT}3,4,{'9' * 140_000},\n")
    times, _ = column(read_rows(tmp_path / "metrics.csv"), "train/loss", "step")
    assert times[-1] == pytest.approx(4)
