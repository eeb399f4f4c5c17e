"""Weights & Biases, into files of the run unless ``mode`` is ``online``."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.loggers.run_logger import COUNTERS, SUCCESS, Row, Tracker, import_client
from mlp_lab.runs.config import flatten

_MANIFEST_KEY = "wandb_run_id"


class WandbTracker(Tracker):
    """Log metrics of every step, settings, figures and the best checkpoint's path with W&B.

    By default everything goes to ``wandb`` in the run directory, and ``wandb sync`` uploads
    it. Online, the key is taken from the environment (WANDB_API_KEY) and written
    nowhere. A resumed run is resumed there too. If the client fails, there is one warning, and the
    training goes on without it.

    Args:
        project: Name of the project; by default the experiment's.
        entity: Owner of the project; by default the user.
        mode: ``offline``, or ``online``.
    """

    name = "W&B"

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
        self._succeeded = True

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics from Lightning without their epoch, which the rows of all steps bring."""
        super().log_metrics({k: float(v) for k, v in metrics.items() if k != "epoch"}, step)

    def _log_rows(self, rows: Sequence[Row], every: int) -> None:
        for row in rows:  # each with its step as a metric, since steps may come out of order
            self._client.log(dict(row))

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        self._client.config.update(flatten(settings), allow_val_change=True)

    def _log_figure(self, name: str, path: Path, step: int) -> None:
        client = self._client
        import wandb

        client.log({f"plots/{name}": wandb.Image(str(path)), "step": step})

    def _log_checkpoint(self, checkpoint: ModelCheckpoint) -> None:
        self._client.summary["checkpoints/best"] = checkpoint.best_model_path

    def _finalize(self, status: str) -> None:
        self._succeeded = status in SUCCESS  # not finished: a test may follow

    @rank_zero_only
    def close(self) -> None:
        """Release files and processes."""
        if "_client" in vars(self):  # it was opened
            self._guard(lambda: self._client.finish(exit_code=0 if self._succeeded else 1))
            del self._client

    @cached_property
    def _client(self) -> Any:
        wandb = import_client("wandb")
        run = self._run
        known = run.read_manifest().get(_MANIFEST_KEY) if run else None
        opened = wandb.init(
            project=self.project or (run.experiment if run else "mlp_lab"),
            entity=self.entity,
            name=run.dir.name if run else None,
            # A relative one would be relative to where W&B's service was started first.
            dir=str(run.dir.absolute()) if run else None,
            id=known,
            resume="allow" if known else None,
            mode=self.mode,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,  # the manifest has it
                x_disable_stats=True,
            ),
        )
        opened.define_metric("*", step_metric="step")
        for counter in COUNTERS:  # an axis, and no chart of its own
            opened.define_metric(counter, hidden=True)
        if run is not None:
            run.update_manifest(**{_MANIFEST_KEY: opened.id})
        return opened
