"""fit, validate, test and predict: from a configuration to a run, and from a run to its scores."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import lightning.pytorch as pl

from mlp_lab.callbacks import OverfitCheck, PredictionsFile, Pruning, result_callbacks
from mlp_lab.callbacks.result import collect_results
from mlp_lab.cli.console import print_table
from mlp_lab.cli.parser import parse_job
from mlp_lab.evaluation.evaluation import classification_report
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.report.intervals import wilson_interval
from mlp_lab.report.model_card import card_path, is_untouched
from mlp_lab.report.pages import write_run_report
from mlp_lab.report.run_files import read_summary
from mlp_lab.runs.results import Results
from mlp_lab.runs.run import Run, Status, read_json
from mlp_lab.training.calibration import calibrate_checkpoint, warn_if_uncalibrated
from mlp_lab.training.checks import check_training
from mlp_lab.training.job import Job
from mlp_lab.training.processes import require_one_process
from mlp_lab.training.start import open_run
from mlp_lab.training.supervision import explain_failures, resume_command, supervise
from mlp_lab.training.trainer import build_evaluator, build_trainer
from mlp_lab.training.weights import load_best, load_checkpoint


def fit(
    words: Sequence[str],
    *,
    opened: Callable[[Run], None] | None = None,
    should_prune: Callable[[int, float], bool] | None = None,
    is_called: bool = False,
) -> int:
    """Train, test the best checkpoint, and report.

    Args:
        words: What is typed behind ``mlp-lab fit``.
        opened: Called with the run, once it is there.
        should_prune: Called after each validated epoch with its number, from 0, and its score; a
            training that is given up ends with its last.ckpt, neither tested nor reported.
        is_called: Whether Python code calls it, all of which further processes would run again.

    Returns:
        The exit code.
    """
    job = parse_job("fit", words)
    task, data, checkpoint = job.task, job.data, job.origin.checkpoint
    if is_called:
        require_one_process(
            job.trainer,
            "from Python a training is one. Set trainer.devices to 1, or use the command mlp-lab "
            "fit.",
        )
    check_training(job)
    with open_run(job) as run:
        if run and opened:
            opened(run)
        pruning = Pruning(should_prune) if should_prune else None
        trainer = build_trainer(job, run, [pruning] if pruning else [])
        with supervise(trainer, run):
            trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
            if run and pruning and pruning.pruned_after:
                run.end("pruned")
                print(f"pruned after epoch {pruning.pruned_after}: {run.dir}")
                return 0
            if not job.is_overfit_check:
                if run:
                    run.update_manifest(status="incomplete")
                _load_best(job, trainer)
                trainer.test(task, datamodule=data, verbose=False)
            results = _report(job, trainer, run)
    if run and results:
        results.require_all(resume_command(run))
        print(f"run: {run.dir}")
    return _judge_overfit_check(trainer)


def validate(words: Sequence[str]) -> int:
    """Score a checkpoint on validation, and return the exit code."""
    job = parse_job("validate", words)
    trainer = build_evaluator(job)
    _load_origin(job, trainer)
    with explain_failures(trainer):
        (metrics,) = trainer.validate(job.task, datamodule=job.data, verbose=False)
    if is_first_process():
        print_table("validation", metrics)
    return 0


def test(words: Sequence[str]) -> int:
    """Score a checkpoint on the test set, and return the exit code."""
    job = parse_job("test", words)
    trainer = build_evaluator(job)
    _load_origin(job, trainer)  # what is refused until here leaves no directory behind
    directory = _find_results_dir(job)
    if directory:
        trainer.callbacks += result_callbacks(directory, figures=job.settings.figures)  # type: ignore[attr-defined]  # set by a connector
    with explain_failures(trainer), _removing_if_empty(job, directory):
        metrics = trainer.test(job.task, datamodule=job.data, verbose=False)
    if directory:
        results = collect_results(trainer, directory)
        _print_figures_dir(results)
        _print_classes(job)
        print_table("test", metrics[0] if metrics else {})
        if job.origin.run and job.origin.run.dir == directory:
            _write_report(job.origin.run, results)
        results.require_all("the same command again.")
        print(f"metrics: {directory / 'metrics.json'}")
    return 0


def predict(words: Sequence[str]) -> int:
    """Write what a checkpoint predicts for each sample, and return the exit code."""
    job = parse_job("predict", words)
    # One table, in the order of the samples.
    trainer = build_evaluator(job, devices=1, num_nodes=1, strategy="auto")
    _load_origin(job, trainer)
    directory = _find_results_dir(job)
    path = directory / "predictions.csv" if directory else None
    if path:
        trainer.callbacks.append(PredictionsFile(path))  # type: ignore[attr-defined]  # set by a connector
    with explain_failures(trainer), _removing_if_empty(job, directory):
        trainer.predict(job.task, datamodule=job.data, return_predictions=False)
    if path:
        print(f"predictions: {path}")
    return 0


def _load_origin(job: Job, trainer: pl.Trainer) -> None:
    assert job.origin.checkpoint is not None
    load_checkpoint(job.origin.checkpoint, job, trainer)
    warn_if_uncalibrated(job.origin.checkpoint, job.task)


def _load_best(job: Job, trainer: pl.Trainer) -> None:
    """Load the best checkpoint of a training, calibrated where that is configured."""
    if best := load_best(job, trainer):
        text = calibrate_checkpoint(best, job, trainer)
        if text and is_first_process():
            print(text)


def _judge_overfit_check(trainer: pl.Trainer) -> int:
    """Print the verdict of an overfit check, and return the exit code; 0 for other trainings."""
    check = _find_overfit_check(trainer)
    if check is None:
        return 0
    if is_first_process():
        print(check.verdict)
    return 0 if check.passed else 1


def _find_overfit_check(trainer: pl.Trainer) -> OverfitCheck | None:
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by a connector
    return next((c for c in callbacks if isinstance(c, OverfitCheck)), None)


def _report(job: Job, trainer: pl.Trainer, run: Run | None) -> Results | None:
    """Print and write what came out, and note in the run what it has and what it lacks."""
    if run is None:
        if is_first_process():
            print("fast_dev_run: a few batches of training, validation and test went through")
        return None
    results = collect_results(trainer, run.dir)
    if check := _find_overfit_check(trainer):
        run.update_manifest(overfit_check=check.verdict)
    else:
        _print_figures_dir(results)
        _print_classes(job)
        _print_summary(job, trainer, run)
    card = card_path(run.model_path)
    for path in (run.model_path, run.dir / "model.pth", card):
        if run.is_outdated(path) and (path != card or is_untouched(card)):
            print(
                f"{path.name} is of an earlier checkpoint; mlp-lab export {run.dir} writes it anew"
            )
    _write_report(run, results, "incomplete" if results.missing else "finished")
    results.end(run)
    return results


def _find_results_dir(job: Job) -> Path | None:
    """Return where test and predict write: the run, or a place beside it for anything else."""
    if not is_first_process():
        return None
    if job.settings.out:
        return Path(job.settings.out)
    checkpoint, run = job.origin.checkpoint, job.origin.run
    assert checkpoint is not None
    if run is None:
        return Run(checkpoint.absolute().parent).next_test_dir()
    is_best = checkpoint.resolve() == run.best_checkpoint.resolve()
    return run.dir if is_best and not job.changed_settings("test") else run.next_test_dir()


@contextlib.contextmanager
def _removing_if_empty(job: Job, directory: Path | None) -> Iterator[None]:
    """Leave no directory behind that was made for results which then failed to come."""
    try:
        yield
    except BaseException:
        if directory and not job.settings.out:
            with contextlib.suppress(OSError):  # something was written
                directory.rmdir()
        raise


def _write_report(run: Run, results: Results, status: Status | None = None) -> None:
    """Write the run's report, with the status that it is about to have."""
    report: Path | None = None
    with results.making(run.dir / "report.html"):
        report = write_run_report(read_summary(run.dir, status), run.dir)
    if report is not None:
        print(f"report: {report}")


def _print_figures_dir(results: Results) -> None:
    if any(name.startswith("plots/") for name in results.written):
        print(f"figures: {results.directory / 'plots'}")


def _print_classes(job: Job) -> None:
    """Print precision, recall and F1 of each class."""
    evaluation = job.task.evaluation
    if evaluation and evaluation.confusion is not None:
        print(classification_report(evaluation.confusion, evaluation.class_names))


def _print_summary(job: Job, trainer: pl.Trainer, run: Run) -> None:
    task, figures = job.task, read_json(run.metrics_path)
    times = {key: figures[key] for key in ("seconds", "images_per_second") if key in figures}
    metrics = task.evaluation.metrics if task.evaluation else {}
    epochs = f"{task.loaded.epochs if task.loaded else 0} of {trainer.current_epoch}"
    tests: dict[str, object] = {}
    for name, title in task.followed_metrics.items():
        tests[f"test {title}"] = metrics.get(name, "not measured")
        if name == "acc" and task.evaluation and task.evaluation.confusion is not None:
            confusion = task.evaluation.confusion
            low, high = wilson_interval(int(confusion.trace()), int(confusion.sum()))
            tests["95 % interval"] = f"{low:.4f} to {high:.4f}"
    rows = {
        **tests,
        "best epoch": f"{epochs} (by {task.score})",
        "validation": job.data.validation_origin,
        "seconds": f"{times['seconds']:.1f}" if times else "not measured",
        "samples per second": f"{times['images_per_second']:,.0f}" if times else "not measured",
        "parameters": f"{run.read_manifest()['net']['parameters']:,}",
    }
    print_table(f"{run.experiment}, {run.dir.name}", rows)
