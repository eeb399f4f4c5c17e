"""``mlp-lab export``: a run's best checkpoint as one model file, with its card."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlp_lab.cli.commands.export_ensemble import export_ensemble, is_ensemble
from mlp_lab.cli.invocation import read_words
from mlp_lab.cli.parser import parse_job
from mlp_lab.errors import ConfigError
from mlp_lab.export.model_file import OPSETS, write_model
from mlp_lab.export.model_info import describe_model, metrics_of_model, samples_to_check
from mlp_lab.inference import ModelInfo
from mlp_lab.report.model_card import card_path, write_model_card
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.runs.run import Run, read_json
from mlp_lab.training.calibration import warn_if_uncalibrated
from mlp_lab.training.job import Job
from mlp_lab.training.weights import begin_with, load_weights


def export(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    # With a configuration and no run in front, a value behind a flag is not taken for a run.
    is_untrained = bool(read_words(args)[0].config) and args[0].startswith("-")
    options, flags = make_parser(takes_run=not is_untrained).parse_known_args(args)
    if options.opset is not None and options.format != "onnx":
        raise ConfigError(f"opset is of ONNX, and the format is {options.format}. Leave it out.")
    if options.out is not None and options.out.suffix != f".{options.format}":
        raise ConfigError(f"out is {str(options.out)!r}; it must be a .{options.format}.")
    flags += [word for config in options.config for word in ("--config", config)]
    if not options.run:
        return _export_untrained(options, flags)
    if is_ensemble(options.run):
        return export_ensemble(options, flags)
    origin: Path = options.run[0]
    words = ["--ckpt_path" if origin.is_file() else "--run_dir", str(origin), *flags]
    job = parse_job("export", words)
    run, checkpoint = job.origin.run, job.origin.checkpoint
    assert checkpoint is not None
    content = load_weights(checkpoint, job.task)
    warn_if_uncalibrated(checkpoint, job.task)
    job.data.prepare_data()
    job.data.setup("test")
    summary = _summarise(job, checkpoint, content)
    is_best = run is not None and checkpoint.resolve() == run.best_checkpoint.resolve()
    stem = "model" if is_best else checkpoint.stem
    path: Path = options.out or summary.run.dir / f"{stem}.{options.format}"
    name = run.name if run else str(content["mlp_lab"].get("model", {}).get("run", ""))
    info = describe_model(job.task, job.data, name, summary.metrics)
    _write(job, info, path, options.opset)
    is_new = write_model_card(path, info, summary)
    print(f"card: {card_path(path)}{'' if is_new else ', edited before and left as it is'}")
    print(f"written: {path}")
    return 0


def _export_untrained(options: argparse.Namespace, flags: Sequence[str]) -> int:
    """Write the net that a fit would begin with; what it normalises by comes from its data."""
    typed, _ = read_words(flags)
    if not typed.config or typed.run_dir or typed.ckpt_path:
        raise ConfigError(
            "export what? Name a run or a checkpoint, such as runs/base/version_0, or with "
            "--config alone the configuration of a net that is not trained yet."
        )
    job = parse_job("export", flags)
    job.data.prepare_data()
    job.data.setup("fit")
    job.task.take_statistics(job.data)
    if job.config["init_from"]:
        begin_with(Path(job.config["init_from"]), job.task)
    path: Path = options.out or Path(f"untrained.{options.format}")
    _write(job, describe_model(job.task, job.data, "", {}), path, options.opset)
    print(f"written: {path}, which is untrained; mlp-lab fit --init_from {path} trains it")
    return 0


def _write(job: Job, info: ModelInfo, path: Path, opset: int | None) -> None:
    samples = samples_to_check(job.data)
    difference = write_model(job.task, info, samples, path, opset)
    print(f"checked on {len(samples)} test samples: differs by {difference:.1e} from the net")


def _summarise(job: Job, checkpoint: Path, content: Mapping[str, Any]) -> RunSummary:
    """Return what is known of a run, with the metrics of this very checkpoint of it."""
    own, run = content["mlp_lab"], job.origin.run
    metrics = {"epochs": content["epoch"] + 1, **own["metrics"]}
    if run is None:  # copied away, a checkpoint knows what it holds
        data = {"source": job.data.source.name}
        metrics = metrics_of_model(job.task, metrics)
        return RunSummary(Run(checkpoint.parent), own["config"], {"data": data}, metrics, [], ())
    if checkpoint.resolve() == run.best_checkpoint.resolve():
        metrics |= read_json(run.metrics_path)
    return replace(read_summary(run.dir), metrics=metrics_of_model(job.task, metrics))


def make_parser(*, takes_run: bool = True) -> argparse.ArgumentParser:
    """Return the command's parser; it leaves the settings of the run aside."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab export",
        description="Write a run's best checkpoint as one file, checked against the net on real "
        "samples, and a model card beside it. Other flags are the run's settings, such as "
        "--data.root.",
        allow_abbrev=False,
    )
    if takes_run:
        parser.add_argument(
            "run",
            type=Path,
            metavar="RUN",
            nargs="*",
            help="a run, or a checkpoint; several, or a directory of runs, for the mean of what "
            "they predict; without, the untrained net of --config",
        )
    else:
        parser.set_defaults(run=[])
    parser.add_argument("-c", "--config", action="append", default=[], help="as for fit")
    parser.add_argument(
        "--format",
        choices=("onnx", "pth"),
        default="onnx",
        help="onnx for onnxruntime and others, or pth for PyTorch; the full training state is "
        "the checkpoint",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="the file; by default model.onnx or .pth in RUN, last.onnx for last.ckpt and so on; "
        "of several runs ensemble.onnx or .pth in the directory that holds them all",
    )
    parser.add_argument("--opset", type=int, help=f"ONNX's operators, {OPSETS[0]} to {OPSETS[-1]}")
    return parser
