"""One call for a figure, for all kinds of loggers."""

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import CSVLogger, TensorBoardEvents, log_figure


def test_a_logger_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr("torch.utils.tensorboard.FileWriter.add_summary", fail)
    loggers = [TensorBoardEvents(tmp_path), CSVLogger(tmp_path / "metrics.csv")]
    with pytest.warns(MLPLabWarning, match="TensorBoardEvents takes nothing more: gone"):
        log_figure("net", Figure(), tmp_path, loggers, step=3)
    assert (tmp_path / "net.png").is_file()


def test_tensorboard_shows_the_very_pixels(tmp_path: Path) -> None:
    logger = TensorBoardEvents(tmp_path, name="", version="events")
    figure = Figure(figsize=(2, 1))
    figure.text(0.5, 0.5, "seen")
    log_figure("net", figure, tmp_path, [logger], step=3)
    logger.save()
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    (image,) = events.Images("plots/net")
    assert (image.step, image.width, image.height) == (3, 260, 130)
    shown = Image.open(io.BytesIO(image.encoded_image_string))
    with Image.open(tmp_path / "net.png") as drawn:
        assert np.array_equal(np.asarray(shown), np.asarray(drawn))
