"""TensorBoard events without a second copy of the configuration."""

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only


class TensorBoardEvents(TensorBoardLogger):
    """Write events alone; Lightning's own adds a hparams.yaml, which config.yaml is already."""

    @rank_zero_only
    def save(self) -> None:
        """Write buffered events to the file."""
        self.experiment.flush()
