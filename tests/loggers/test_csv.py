from pathlib import Path

import pytest

from mlp_lab.loggers import CSVLogger
from mlp_lab.runs.metrics_csv import read_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.csv"


def step(number: int, loss: float = 0.5) -> dict[str, float]:
    return {"epoch": 1, "step": number, "train/loss": loss}


def test_rows_are_written_in_blocks(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_rows([step(1, 0.25), step(2)])
    assert not path.exists()
    logger.save()
    assert path.read_text() == "epoch,step,train/loss\n1,1,0.25\n1,2,0.5\n"


def test_lightnings_rows_count_from_one_and_add_their_columns(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_rows([step(1)])
    logger.save()
    logger.log_metrics({"epoch": 0, "val/acc": 0.75}, step=0)
    logger.log_rows([step(2)])
    logger.save()
    assert path.read_text() == ("epoch,step,train/loss,val/acc\n1,1,0.5,\n1,1,,0.75\n1,2,0.5,\n")


def test_test_metrics_are_left_out(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_metrics({"epoch": 3, "test/acc": 0.5}, step=7)
    logger.save()
    assert not path.exists()


def test_metrics_without_an_epoch_are_of_the_first(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_metrics({"lr-Adam": 0.5}, step=1)
    logger.save()
    assert path.read_text() == "epoch,step,lr-Adam\n1,2,0.5\n"


def test_going_back_drops_what_came_after_a_step(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_rows([step(1), step(2)])
    logger.save()
    logger.log_metrics({"epoch": 0, "val/acc": 0.75}, step=1)
    logger.log_rows([step(3)])
    logger.save()
    resumed = CSVLogger(path)
    resumed.go_back(2)
    resumed.log_rows([step(3, 0.125)])
    resumed.finalize("success")
    assert [row["step"] for row in read_rows(path)] == ["1", "2", "2", "3"]
    assert read_rows(path)[-1]["train/loss"] == "0.125"


def test_a_torn_last_line_is_ignored(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_rows([step(1), step(2)])
    logger.save()
    path.write_text(path.read_text() + "1,3,0.")
    assert [row["step"] for row in read_rows(path)] == ["1", "2"]
    logger.go_back(3)
    assert path.read_text().endswith("1,2,0.5\n")


def test_numbers_keep_all_their_digits(path: Path) -> None:
    logger = CSVLogger(path)
    logger.log_rows([step(1, 0.1 + 0.2)])
    logger.save()
    assert float(read_rows(path)[0]["train/loss"]) == 0.1 + 0.2
