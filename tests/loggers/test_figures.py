"""One call for a figure, whatever the loggers."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import CSVLogger, TensorBoardEvents, log_figure


def test_a_logger_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.add_image", fail)
    loggers = [TensorBoardEvents(tmp_path), CSVLogger(tmp_path / "metrics.csv")]
    with pytest.warns(MLPLabWarning, match="TensorBoardEvents did not take the figure net: gone"):
        log_figure("net", Figure(), tmp_path, loggers, step=3)
    assert (tmp_path / "net.png").is_file()
