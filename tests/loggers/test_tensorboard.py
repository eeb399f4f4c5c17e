"""TensorBoard events, and no file beside them."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mlp_lab.loggers import TensorBoardEvents


def test_events_are_the_only_files(tmp_path: Path) -> None:
    logger = TensorBoardEvents(tmp_path, name="", version="events")
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"val/acc": 0.5}, step=3)
    logger.save()
    logger.finalize("success")
    (path,) = (tmp_path / "events").iterdir()
    assert path.name.startswith("events.out.tfevents")
    (event,) = EventAccumulator(str(path)).Reload().Scalars("val/acc")
    assert (event.step, event.value) == (3, 0.5)
