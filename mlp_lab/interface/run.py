"""``mlp_lab.Run``: a run directory as an object. Imports torch only where a net is needed."""

import contextlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from mlp_lab.cli.main import load_command
from mlp_lab.errors import ConfigError, MissingExtraError, RunNotFoundError
from mlp_lab.inference.backends import FloatArray
from mlp_lab.inference.inputs import Broken
from mlp_lab.inference.predictor import Frame, Predictor
from mlp_lab.interface.call import as_a_call
from mlp_lab.report.pages import render_run_in_notebook, write_run_report
from mlp_lab.report.run_files import find_runs, read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.config import read_config
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.runs.run import Run as RunFiles
from mlp_lab.runs.run import read_json

if TYPE_CHECKING:
    from torch import Tensor

    from mlp_lab.nets import InferenceNet


class Run:
    """A run directory: what it was trained with, what came out, and its net in use.

    Everything is read from the files at each access, so a run may still be training.

    Args:
        path: The directory, such as ``runs/base/version_0``.

    Raises:
        RunNotFoundError: It holds no run.

    Example:
        >>> import tempfile, mlp_lab
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     settings = {"trainer.max_epochs": 1, "figures": False, "runs_dir": runs}
        ...     mlp_lab.fit("configs/quickstart.yaml", settings, verbose=False)
        ...     run = Run(f"{runs}/quickstart/version_0")
        ...     run.metrics["epochs"], run.predict(np.zeros((5, 1, 8, 8), np.uint8)).shape
        Run(...)
        (1, (5, 10))
    """

    def __init__(self, path: str | Path) -> None:
        self._run = RunFiles.open(Path(path))

    @property
    def dir(self) -> Path:
        """The directory."""
        return self._run.dir

    @property
    def name(self) -> str:
        """Experiment and number."""
        return self._run.name

    @property
    def config(self) -> dict[str, Any]:
        """The full configuration, as config.yaml holds it.

        Raises:
            ConfigError: It is damaged.
        """
        return read_config(self._run.config_path)

    @property
    def manifest(self) -> dict[str, Any]:
        """Command, versions, seeds, data, net and status; empty where the file is missing.

        Raises:
            ChecksumError: It is damaged.
        """
        return self._run.read_manifest()

    @property
    def status(self) -> str:
        """How the run stands: running, finished, interrupted, failed, pruned or incomplete."""
        return str(self.manifest.get("status", "unknown"))

    @property
    def metrics(self) -> dict[str, Any]:
        """The final metrics, such as ``test/acc``; empty before there are any.

        Raises:
            ChecksumError: The file is damaged.
        """
        return read_json(self._run.metrics_path)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; empty for numbers, or if not known yet."""
        return tuple(self.manifest.get("data", {}).get("class_names", ()))

    @property
    def figures(self) -> dict[str, Path]:
        """The files of the figures by name, such as ``confusion``."""
        return self._summary.figures

    @overload
    def history(self, *, frame: Literal[False] = ...) -> dict[str, NDArray[Any]]: ...
    @overload
    def history(self, *, frame: bool) -> Any: ...
    def history(self, *, frame: bool = False) -> Any:
        """Return metrics.csv: a row for each step, and one for each validation.

        Args:
            frame: Whether as a frame of pandas, or of polars where that alone is installed.

        Returns:
            The columns ``(rows,)`` by name, in NumPy: ``epoch`` and ``step`` are integers, the
            others floats, NaN where a row has none.

        Raises:
            MissingExtraError: There is neither pandas nor polars for a frame.
        """
        rows = read_rows(self._run.step_metrics_path)
        columns: dict[str, NDArray[Any]] = {}
        for key in rows[0] if rows else ():
            counts = key in ("epoch", "step")
            values = [row[key] if counts else row[key] or "nan" for row in rows]
            columns[key] = np.asarray(values).astype(np.int64 if counts else np.float64)
        return _to_frame(columns) if frame else columns

    def net(self) -> "InferenceNet":
        """Return the net of the best checkpoint in evaluation mode.

        It takes raw inputs ``(N, *input_shape)`` as a tensor, and returns the outputs ``(N, K)``
        and, where there are classes, their probabilities ``(N, K)``.

        Raises:
            RunNotFoundError: There is no best checkpoint yet.
        """
        from mlp_lab.inference.backends import read_net
        from mlp_lab.nets import InferenceNet

        net = read_net(self._run.find_checkpoint("best"))[1]
        assert isinstance(net, InferenceNet)
        return net

    def predict(
        self,
        inputs: "NDArray[Any] | Tensor | Frame | str | Path | list[str | Path]",
        *,
        broken: Broken = "refuse",
    ) -> FloatArray:
        """Return the probability of each class, or the predicted numbers.

        For more than that, and many times, there is ``mlp_lab.Predictor``, which takes a run too.

        Args:
            inputs: Raw inputs, or one of them; of a table's run also a frame of pandas or polars;
                or the path of an image, a directory of images, an .npz or .pt file or a table, or a
                list of them.
            broken: Whether an image that cannot be read is refused, or left out (``skip``).

        Shape:
            ``(N, *input_shape)`` to ``(N, K)``; ``input_shape`` to ``(K,)``.

        Raises:
            RunNotFoundError: The run has no net yet.
            ConfigError: Inputs of another shape or type.
            DatasetNotFoundError: A path is not there, or holds no image.
        """
        predictor = Predictor(self.dir)
        paths = [inputs] if isinstance(inputs, str | Path) else inputs
        if not isinstance(paths, list):
            return predictor.predict(paths)
        if not paths:
            raise ConfigError("There is nothing to predict: the list is empty.")
        parts = predictor.predict_files(paths, broken=broken)
        return np.concatenate(
            [p.outputs if p.probabilities is None else p.probabilities for p in parts]
        )

    def test(self) -> dict[str, float]:
        """Score the best checkpoint on the test set anew, as ``mlp-lab test`` does.

        Returns:
            The metrics of the test.
        """
        one = ("--trainer.devices=1", "--trainer.num_nodes=1")  # process, or all run the script
        self._call("test", f"--run_dir={self.dir}", *one)
        return {
            key: value
            for key, value in self.metrics.items()
            if key.startswith("test/") and isinstance(value, int | float)
        }

    def export(self, kind: Literal["onnx", "pth"] = "onnx", out: str | Path | None = None) -> Path:
        """Write the best checkpoint as one model file, with its card, as ``mlp-lab export`` does.

        Args:
            kind: The format.
            out: The file.

        Returns:
            The file; by default model.onnx or model.pth in the run.
        """
        to = [] if out is None else [f"--out={out}"]
        self._call("export", str(self.dir), f"--format={kind}", *to)
        return self.dir / f"model.{kind}" if out is None else Path(out)

    def report(self) -> Path:
        """Write report.html anew, and return it."""
        return write_run_report(self._summary, self.dir)

    def __repr__(self) -> str:
        return f"Run({str(self.dir)!r})"

    def _repr_html_(self) -> str:
        """Show the summary and the main curves in a notebook."""
        return render_run_in_notebook(self._summary)

    @property
    def _summary(self) -> RunSummary:
        return read_summary(self.dir)

    def _call(self, command: str, *words: str) -> None:
        with as_a_call(verbose=False):
            load_command(command)(words)


def export_ensemble(runs: "Sequence[str | Path | Run]", out: str | Path) -> Path:
    """Write the mean of what several runs predict as one model file, as ``mlp-lab export`` does.

    What it gains over its members stands beside it, as a .json.

    Args:
        runs: Runs, checkpoints in runs, or directories of runs.
        out: The file, a .onnx or .pth.

    Returns:
        The file.

    Raises:
        RunNotFoundError: One is not there.
        ConfigError: They are fewer than two, or have not the same classes, inputs, data and test
            samples.

    Example:
        >>> export_ensemble(["nowhere", "elsewhere"], "ensemble.onnx")
        Traceback (most recent call last):
        mlp_lab.errors.RunNotFoundError: run_dir 'nowhere' holds no run: ...
    """
    from mlp_lab.cli.commands.export_ensemble import is_ensemble

    if Path(out).suffix not in (".onnx", ".pth"):
        raise ConfigError(f"out is {str(out)!r}; it must be a .onnx or a .pth.")
    named = [run.dir if isinstance(run, Run) else Path(run) for run in runs]
    if not is_ensemble(named):
        raise ConfigError("An ensemble needs two runs: give several, or a directory of them.")
    with as_a_call(verbose=False):
        load_command("export")(
            [*map(str, named), f"--out={out}", f"--format={Path(out).suffix[1:]}"]
        )
    return Path(out)


def list_runs(directory: str | Path = "runs") -> list[Run]:
    """Return the runs below a directory, by name.

    Raises:
        RunNotFoundError: There is no such directory.

    Example:
        >>> list_runs("nowhere")
        Traceback (most recent call last):
        mlp_lab.errors.RunNotFoundError: 'nowhere' is no directory.
    """
    if not Path(directory).is_dir():
        raise RunNotFoundError(f"{str(directory)!r} is no directory.")
    found = []
    for path in find_runs(Path(directory)):
        with contextlib.suppress(RunNotFoundError):  # its configuration is gone
            found.append(Run(path))
    return found


def _to_frame(columns: dict[str, NDArray[Any]]) -> Any:
    for name in ("pandas", "polars"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).DataFrame(columns)
    raise MissingExtraError("A frame needs pandas or polars: pip install pandas.")
