"""TensorBoard: training and validation in one chart, and no file beside the events."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mlp_lab.loggers import TensorBoardEvents
from mlp_lab.runs.metrics_csv import column, read_rows
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics

PARTS = ("train", "val", "test")


def read_scalars(directory: Path) -> dict[str, dict[int, float]]:
    """Return the values by step of each tag in a directory's own events."""
    events = EventAccumulator(str(directory)).Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def read_names(events_dir: Path) -> set[str]:
    """Return the names that TensorBoard shows: directory and tag."""
    below = {f"{part}/{tag}" for part in PARTS for tag in read_scalars(events_dir / part)}
    return below | read_scalars(events_dir).keys()


@pytest.fixture
def logger(tmp_path: Path) -> TensorBoardEvents:
    return TensorBoardEvents(tmp_path, name="", version="events")


def test_a_metric_is_one_chart_with_a_line_for_each_part(
    logger: TensorBoardEvents, tmp_path: Path
) -> None:
    logger.log_metrics({"train/loss": 0.75, "train/acc": 0.25, "lr": 0.5}, step=1)
    logger.log_metrics({"epoch": 0, "val/loss": 0.5, "val/acc": 0.125}, step=3)
    logger.log_metrics({"epoch": 0, "grad/norm": 2.0, "weight_norm": 4.0, "train/": 8.0}, step=3)
    logger.save()
    events_dir = tmp_path / "events"
    assert read_scalars(events_dir / "train") == {"loss": {1: 0.75}, "acc": {1: 0.25}}
    assert read_scalars(events_dir / "val") == {"loss": {3: 0.5}, "acc": {3: 0.125}}
    assert read_scalars(events_dir) == {
        "lr": {1: 0.5},
        "grad/norm": {3: 2.0},
        "weight_norm": {3: 4.0},
        "train/": {3: 8.0},
    }


def test_a_test_after_the_training_is_logged_too(logger: TensorBoardEvents, tmp_path: Path) -> None:
    logger.log_metrics({"val/acc": 0.25}, step=3)
    logger.finalize("success")
    logger.log_metrics({"val/acc": 0.5, "test/acc": 0.75}, step=7)
    logger.finalize("success")
    assert read_scalars(tmp_path / "events" / "val") == {"acc": {3: 0.25, 7: 0.5}}
    assert read_scalars(tmp_path / "events" / "test") == {"acc": {7: 0.75}}


def test_events_are_the_only_files(logger: TensorBoardEvents, tmp_path: Path) -> None:
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"val/acc": 0.5}, step=3)
    logger.save()
    logger.finalize("success")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {tmp_path / "events", tmp_path / "events" / "val"}
    assert all(path.name.startswith("events.out.tfevents") for path in files)


def test_a_short_training_has_both_lines(mlp_lab: CommandLine) -> None:
    """An epoch has fewer steps than lie between two of TensorBoard's, and shows its last."""
    run_dir = mlp_lab("fit", "--data.source=Moons", "--trainer.max_epochs=3").run_dir
    events_dir, rows = run_dir / "tensorboard", read_rows(run_dir / "metrics.csv")
    tested = {f"test/{tag}" for tag in ("loss", "acc", "f1_macro")}
    assert sorted(read_names(events_dir) - tested) == [
        *("lr", "train/acc", "train/loss", "val/acc", "val/f1_macro", "val/loss")
    ]
    epoch_ends, _ = column(rows, "val/loss", "step")
    assert len(epoch_ends) == 3
    for part, tag in (("train", "loss"), ("train", "acc"), ("val", "loss"), ("val", "acc")):
        values = dict(zip(*column(rows, f"{part}/{tag}", "step"), strict=True))
        # TensorBoard's steps count from 0.
        expected = {int(step) - 1: values[step] for step in epoch_ends}
        assert read_scalars(events_dir / part)[tag] == pytest.approx(expected), (part, tag)
    metrics = read_metrics(run_dir)
    for tag, test in read_scalars(events_dir / "test").items():
        # The test stands where the training ended.
        assert test == pytest.approx({int(epoch_ends[-1]) - 1: metrics[f"test/{tag}"]}), tag
    assert not metrics.keys() & {"epoch", "step"}
