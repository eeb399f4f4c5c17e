"""Weights & Biases, into files of the run unless it is told to go online."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.errors import MissingExtraError
from mlp_lab.loggers.run_logger import Row, Tracker
from mlp_lab.runs.config import flatten

_MANIFEST_KEY = "wandb_run_id"


class WandbTracker(Tracker):
    """Log metrics of every step, settings, figures and the best checkpoint's path with W&B.

    By default everything goes to ``wandb`` in the run directory, and ``wandb sync`` sends it when
    that is wanted. Online, the key is taken from the environment (WANDB_API_KEY) and written
    nowhere. A run that goes on goes on there too. What the client cannot do is one warning, and
    the training goes on without it.

    Args:
        project: Name of the project; by default the experiment's.
        entity: Whose project it is; by default the user's.
        mode: ``offline``, or ``online``.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        super().__init__()
        self.project = project
        self.entity = entity
        self.mode = mode
        self._wandb_run: Any = None
        self._ended_well = True

    @property
    def name(self) -> str:
        """What it is."""
        return "W&B"

    def _take_rows(self, rows: Sequence[Row], every: int) -> None:
        for row in rows:  # each brings its step, since not all come in its order
            self._opened.log(dict(row))

    def _take_settings(self, settings: Mapping[str, Any]) -> None:
        self._opened.config.update(flatten(settings), allow_val_change=True)

    def _take_figure(self, name: str, path: Path, step: int) -> None:
        run = self._opened
        import wandb

        run.log({f"plots/{name}": wandb.Image(str(path)), "step": step})

    def _take_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self._opened.summary["checkpoints/best"] = checkpoint.best_model_path

    def _flush(self) -> None:
        """Nothing is held back."""

    def _end(self, status: str) -> None:
        self._ended_well = status in ("success", "finished")  # a test still comes

    @rank_zero_only
    def close(self) -> None:
        """Let go of files and processes."""
        if self._wandb_run is not None:
            self._do(lambda: self._wandb_run.finish(exit_code=0 if self._ended_well else 1))
            self._wandb_run = None

    @property
    def _opened(self) -> Any:
        if self._wandb_run is None:
            self._wandb_run = self._open()
        return self._wandb_run

    def _open(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what it imports
                import wandb
        except ImportError as error:
            raise MissingExtraError("it needs pip install 'mlp_lab[wandb]'.") from error
        run = self._run
        known = run.read_manifest().get(_MANIFEST_KEY) if run else None
        opened = wandb.init(
            project=self.project or (run.experiment if run else "mlp_lab"),
            entity=self.entity,
            name=run.dir.name if run else None,
            # Relative, it would be below where its service was started first.
            dir=str(run.dir.absolute()) if run else None,
            id=known,
            resume="allow" if known else None,
            mode=self.mode,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,  # the manifest says it
                x_disable_stats=True,
            ),
        )
        opened.define_metric("*", step_metric="step")
        if run is not None:
            run.update_manifest(**{_MANIFEST_KEY: opened.id})
        return opened
