"""TensorBoard events: training and validation in one chart for each metric."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

if TYPE_CHECKING:  # it takes a while, and Lightning loads it where it is needed
    from torch.utils.tensorboard import SummaryWriter

_PARTS = ("train", "val", "test")


class TensorBoardEvents(TensorBoardLogger):
    """Write events so that TensorBoard shows training, validation and test in the same charts.

    TensorBoard draws one chart for a tag, with a line for each directory, and opens on the first
    two tags. So ``train/loss`` and ``val/loss`` become the tag ``loss`` in the directories
    ``train`` and ``val``. The epoch, whose tag would come before ``loss``, is left out: charts are
    drawn over steps. There is no hparams.yaml either, which config.yaml is already.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a metric of a part of the data into that part's directory, any other beside."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        others: dict[str, float] = {}
        of_parts: dict[str, dict[str, float]] = {}
        for key, value in metrics.items():
            part, _, name = key.partition("/")
            if part in _PARTS and name:
                of_parts.setdefault(part, {})[name] = value
            elif key != "epoch":
                others[key] = value
        for part, named in of_parts.items():
            values = [Summary.Value(tag=k, simple_value=float(v)) for k, v in named.items()]
            # One event for all: each goes through the queue of the thread that writes.
            writer = self._open(part)._get_file_writer()  # type: ignore[no-untyped-call]  # torch leaves it so
            writer.add_summary(Summary(value=values), step)
        super().log_metrics(others, step)

    @rank_zero_only
    def save(self) -> None:
        """Write buffered events to the files."""
        for writer in (self.experiment, *self._writers.values()):
            writer.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left and close the files; a test after a training opens new ones."""
        super().finalize(status)
        for writer in self._writers.values():
            writer.close()

    @cached_property
    def _writers(self) -> dict[str, "SummaryWriter"]:
        return {}

    def _open(self, part: str) -> "SummaryWriter":
        from torch.utils.tensorboard import SummaryWriter

        if part not in self._writers:
            self._writers[part] = SummaryWriter(str(Path(self.log_dir, part)))
        return self._writers[part]
