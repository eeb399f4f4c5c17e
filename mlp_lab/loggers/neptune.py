"""Neptune, into files beside the run unless a server is named."""

import logging
import os
import re
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlp_lab.errors import MissingExtraError, MLPLabWarning
from mlp_lab.run import Run

# Where the client keeps what it has not sent; it asks the environment alone.
_DIRECTORY_VARIABLE = "NEPTUNE_DATA_DIRECTORY"


class NeptuneLogger(Logger):
    """Log metrics, hyperparameters, figures and the best checkpoint's path with Neptune's client.

    The hosted service is closed, so by default everything goes to ``neptune/offline`` in the run
    directory, as the client's own JSON lines. A server of one's own is reached with a mode other
    than ``offline``; its token is taken from the environment (NEPTUNE_API_TOKEN) and written
    nowhere. What the client cannot do is one warning, and the training goes on without it.

    Args:
        project: ``workspace/name``, for a server.
        mode: ``offline``; or ``async`` or ``sync`` for a server.

    Raises:
        MissingExtraError: The extra ``neptune`` is not installed.
    """

    def __init__(
        self,
        project: str | None = None,
        mode: Literal["offline", "async", "sync"] = "offline",
    ) -> None:
        super().__init__()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of what it imports
                import neptune
        except ImportError as error:
            raise MissingExtraError(
                "NeptuneLogger needs Neptune's client: pip install 'mlp_lab[neptune]'."
            ) from error
        logging.getLogger("neptune").setLevel(logging.WARNING)  # it would have the last word
        self._client = neptune
        self.project = project
        self.mode = mode
        self._lab_run: Run | None = None
        self._neptune_run: Any = None
        self._failed = False

    def begin(self, run: Run) -> None:
        """Keep what is written within a run, and call it by the run's experiment."""
        self._lab_run = run

    @property
    def name(self) -> str:
        """What Lightning asks for."""
        return self.project or "neptune"

    @property
    def version(self) -> str | None:
        """The name of the run directory; Neptune's own is known to its server alone."""
        return None if self._lab_run is None else self._lab_run.dir.name

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take the metrics of one moment; Lightning counts steps from 0."""
        row = {key: float(value) for key, value in metrics.items() if key != "epoch"}
        self.log_rows([{**row, "step": (step or 0) + 1}])

    @rank_zero_only
    def log_rows(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Take a block of rows, each with ``step``, counted from 1."""
        series: dict[str, tuple[list[float], list[float]]] = {}
        for row in rows:
            for key, value in row.items():
                if key not in ("epoch", "step"):
                    values, steps = series.setdefault(key, ([], []))
                    values.append(float(value))
                    steps.append(float(row["step"]))
        for key, (values, steps) in series.items():
            self._do(partial(_extend, key, values, steps))

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Take the configuration, and its file."""
        settings = vars(params) if isinstance(params, Namespace) else params
        self._do(lambda run: run["parameters"].assign({k: str(v) for k, v in settings.items()}))
        if self._lab_run is not None:
            path = str(self._lab_run.config_path)
            self._do(lambda run: run["config"].upload(path))

    @rank_zero_only
    def log_figure(self, name: str, path: Path) -> None:
        """Take a figure's file."""
        self._do(lambda run: run[f"plots/{name}"].upload(str(path)))

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Take the path of the best checkpoint so far."""
        if checkpoint_callback.monitor and checkpoint_callback.best_model_path:
            path = checkpoint_callback.best_model_path
            self._do(lambda run: run["checkpoints/best"].assign(path))

    @rank_zero_only
    def save(self) -> None:
        """Hand over what the client still holds."""
        self._do(lambda run: run.wait(disk_only=True))

    def _do(self, work: Callable[[Any], object]) -> None:
        """Do something with Neptune's run; after a failure there is one warning and no more."""
        if self._failed:
            return
        try:
            if self._neptune_run is None:
                self._neptune_run = self._start()
            work(self._neptune_run)
        except Exception as error:  # a service may fail in any way
            self._failed = True
            warnings.warn(
                f"Neptune takes nothing more: {_say(error)} The training goes on without it.",
                MLPLabWarning,
                stacklevel=3,
            )

    def _start(self) -> Any:
        before = os.environ.get(_DIRECTORY_VARIABLE)
        experiment = None
        if self._lab_run is not None:
            os.environ[_DIRECTORY_VARIABLE] = str(self._lab_run.dir / "neptune")
            experiment = f"{self._lab_run.experiment}/{self._lab_run.dir.name}"
        try:
            return self._client.init_run(
                project=self.project,
                mode=self.mode,
                name=experiment,
                source_files=[],
                git_ref=False,  # the manifest says it
                capture_stdout=False,
                capture_stderr=False,
                capture_hardware_metrics=False,
                capture_traceback=False,
            )
        finally:
            if before is None:
                os.environ.pop(_DIRECTORY_VARIABLE, None)
            else:
                os.environ[_DIRECTORY_VARIABLE] = before


def _extend(key: str, values: list[float], steps: list[float], run: Any) -> None:
    run[key].extend(values, steps=steps)


def _say(error: Exception) -> str:
    """Return the first sentence of what the client says in colours and over many lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip(" -")]
    told = [line for line in lines if not line.startswith("--")]
    return told[0] if told else f"{type(error).__name__}."
