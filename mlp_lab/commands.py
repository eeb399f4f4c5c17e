"""What fit, validate, test and predict do and print."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, WeightAveraging

from mlp_lab.atomic import find_kept
from mlp_lab.callbacks import Figures, MetricsFile, OnnxFile, PredictionsFile
from mlp_lab.console import print_table, quieten
from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError, WorkerError, WriteError
from mlp_lab.evaluation import classification_report
from mlp_lab.files.plain_text import as_shown
from mlp_lab.interruption import Interrupted, raise_on_signals
from mlp_lab.lightning_cli import LabCLI, is_first_process
from mlp_lab.loggers import run_loggers
from mlp_lab.report import read_story, write_story
from mlp_lab.run import Run, Status
from mlp_lab.runs.results import Results
from mlp_lab.settings import Command, read_settings
from mlp_lab.tasks import Task

_SECONDS_TO_END = 1.0


def main(command: str, args: Sequence[str]) -> int:
    """Run one of the four commands and return its exit code."""
    quieten()
    raise_on_signals()
    settings = read_settings(cast(Command, command), args)
    cli = LabCLI(cast(Command, command), settings)
    if is_first_process():
        print(as_shown(settings.origin))
    runners: dict[str, Callable[[LabCLI], int]] = {
        "fit": fit,
        "validate": validate,
        "test": test,
        "predict": predict,
    }
    try:
        return runners[command](cli)
    except MisconfigurationException as error:
        raise ConfigError(f"The settings of trainer cannot work: {error}") from error
    except RuntimeError as error:
        _raise_if_a_process_was_killed(cli, error)
        raise


def _raise_if_a_process_was_killed(cli: LabCLI, error: RuntimeError) -> None:
    """Say so where a process beside this one was killed; the others fail in any way then."""
    for process in getattr(cli.trainer.strategy.launcher, "procs", []):
        try:
            code = process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:  # it is alive
            continue
        if code < 0:  # what it fails of otherwise, it says itself
            name = signal.Signals(-code).name
            how_to_go_on = f" Go on with: mlp-lab fit --run_dir {cli.run.dir}" if cli.run else ""
            raise WorkerError(
                f"A process that computes beside this one was ended by {name}, perhaps because "
                f"memory ran out.{how_to_go_on}"
            ) from error


def fit(cli: LabCLI) -> int:
    """Train, then test the best checkpoint, and print what came out."""
    if cli.run is None:
        return _train_and_test(cli)
    results = Results(cli.run.dir)
    how_to_go_on = f"mlp-lab fit --run_dir {cli.run.dir}"
    try:
        code = _train_and_test(cli, results)
        _write_report(cli.run, results, "incomplete" if results.missing else "finished")
        results.end(cli.run)
    except Interrupted:
        with contextlib.suppress(WriteError):
            Run(find_kept(cli.run.dir)).end("interrupted")
        with contextlib.suppress(OSError):  # its terminal may be gone
            print(f"interrupted; go on with: {how_to_go_on}", file=sys.stderr)
        raise
    except BaseException:
        Run(find_kept(cli.run.dir)).end("failed")
        raise
    finally:
        for logger in run_loggers(cli.trainer.loggers):
            logger.close()
        cli.release_run()
    results.require_all(how_to_go_on)
    print(f"run: {cli.run.dir}")
    if cli.overfit_check:
        print(cli.overfit_check.verdict)
    return code


def _train_and_test(cli: LabCLI, results: Results | None = None) -> int:
    """Do what every process does; the first one prints."""
    run = cli.run
    metrics = MetricsFile(results, cli.stopwatch)
    after_training: list[Callback] = [metrics]
    if run and results:
        if cli.config.figures:
            after_training.append(Figures(results, metrics, run.step_metrics_path))
        if cli.config.onnx:
            after_training.append(OnnxFile(run, results, metrics))
    if not cli.overfit_check:
        cli.trainer.callbacks += after_training  # type: ignore[attr-defined]  # set by a connector
    cli.trainer.fit(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=cli.settings.checkpoint,
        weights_only=True,
    )
    if cli.overfit_check:
        return 0 if cli.overfit_check.passed else 1
    if run:
        run.update_manifest(status="incomplete")
    best = cli.best_or_last_checkpoint()
    if run and best:
        metrics.add_training(cli.trainer, cli.datamodule, best)
    _test(cli, after_training, best)
    if run:
        _print_report(metrics.metrics, cli.datamodule)
        _print_summary(metrics.metrics, run, cli.model)
    elif is_first_process():
        print("fast_dev_run: a few batches of training, validation and test went through")
    return 0


def validate(cli: LabCLI) -> int:
    """Score a checkpoint on validation."""
    figures = cli.trainer.validate(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=cli.settings.checkpoint,
        weights_only=True,
        verbose=False,
    )
    if is_first_process():
        print_table("validation", figures[0])
    return 0


def test(cli: LabCLI) -> int:
    """Score a checkpoint on the test set."""
    results_dir = cli.results_dir()
    results = Results(results_dir) if results_dir else None
    metrics = MetricsFile(results)
    of_test: list[Callback] = [metrics]
    if results and cli.config.figures:
        of_test.append(Figures(results, metrics, None))
    figures = _test(cli, of_test, cli.settings.checkpoint)
    if results:
        _print_report(metrics.metrics, cli.datamodule)
        print_table("test", figures)
        if cli.run and metrics.path == cli.run.metrics_path:
            _write_report(cli.run, results)
        results.require_all("the same command again.")
        print(f"metrics: {metrics.path}")
    return 0


def _test(cli: LabCLI, results: list[Callback], checkpoint: Path | None) -> Mapping[str, float]:
    """Test a checkpoint, or the weights of the moment."""
    # Of an averaged training's checkpoint Lightning would put back the weights that are not the
    # average, to go on with.
    others = [
        callback
        for callback in cli.trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
        if not isinstance(callback, WeightAveraging) and callback not in results
    ]
    cli.trainer.callbacks = [*others, *results]  # type: ignore[attr-defined]  # set by a connector
    figures: list[Mapping[str, float]] = cli.trainer.test(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=checkpoint,
        weights_only=True,
        verbose=False,
    )
    return figures[0] if figures else {}


def predict(cli: LabCLI) -> int:
    """Write what a checkpoint says of each sample."""
    results_dir = cli.results_dir()
    if results_dir:
        path = results_dir / "predictions.csv"
        cli.trainer.callbacks.append(PredictionsFile(path))  # type: ignore[attr-defined]  # set by a connector
    cli.trainer.predict(
        cli.model,
        datamodule=cli.datamodule,
        ckpt_path=cli.settings.checkpoint,
        weights_only=True,
        return_predictions=False,
    )
    if results_dir:
        print(f"predictions: {path}")
    return 0


def _write_report(run: Run, results: Results, status: Status | None = None) -> None:
    """Write the run's story, with the status that it is about to have."""
    report: Path | None = None
    with results.making(run.dir / "report.html"):
        report = write_story(read_story(run.dir, status), run.dir)
    if report is not None:
        print(f"report: {report}")


def _print_report(metrics: Mapping[str, Any], data: LabDataModule) -> None:
    """Print precision, recall and F1 of each class."""
    if "test/confusion" in metrics:
        print(classification_report(torch.tensor(metrics["test/confusion"]), data.class_names))


def _print_summary(metrics: dict[str, Any], run: Run, task: Task) -> None:
    manifest = run.read_manifest()
    rows = {
        **{
            f"test {title}": _number(metrics.get(f"test/{name}"))
            for name, title in task.metric_names.items()
        },
        "best epoch": f"{metrics['best_epoch']} of {metrics['epochs']} (by {task.score})",
        "validation": metrics["validation"],
        "seconds": f"{metrics['seconds']:.1f}",
        "images per second": f"{metrics['images_per_second']:,.0f}",
        "parameters": f"{manifest['net']['parameters']:,}",
    }
    print_table(f"{run.experiment}, {run.dir.name}", rows)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"
