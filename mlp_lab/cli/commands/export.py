"""``mlp-lab export``: a run's best checkpoint as one model file."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.errors import ConfigError
from mlp_lab.export.model_file import OPSETS, write_model
from mlp_lab.export.model_info import describe_model, samples_to_check
from mlp_lab.runs.run import read_json
from mlp_lab.training.weights import load_weights


def export(args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    options, flags = make_parser().parse_known_args(args)
    if options.opset is not None and options.format != "onnx":
        raise ConfigError(f"opset is of ONNX, and the format is {options.format}. Leave it out.")
    if options.out is not None and options.out.suffix != f".{options.format}":
        raise ConfigError(f"out is {str(options.out)!r}; it must be a .{options.format}.")
    source: Path = options.run
    origin = ["--ckpt_path" if source.is_file() else "--run_dir", str(source)]
    invocation = read_invocation("export", [*origin, *flags])
    job = LabCLI("export", invocation).job
    print(invocation.summary)
    run, checkpoint = job.origin.run, job.origin.checkpoint
    assert checkpoint is not None
    content = load_weights(checkpoint, job.task)["mlp_lab"]
    job.data.prepare_data()
    job.data.setup("test")
    metrics = content["metrics"]
    directory, stem = run.dir if run else checkpoint.parent, checkpoint.stem
    if run is not None and checkpoint.resolve() == run.best_checkpoint.resolve():
        metrics = metrics | read_json(run.metrics_path)
        stem = "model"
    name = run.name if run else str(content.get("model", {}).get("run", ""))
    info = describe_model(job.task, job.data, name, metrics)
    path: Path = options.out or directory / f"{stem}.{options.format}"
    samples = samples_to_check(job.data)
    difference = write_model(job.task, info, samples, path, options.opset)
    print(f"checked on {len(samples)} test samples: differs by {difference:.1e} from the net")
    print(f"written: {path}")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the command's parser; it leaves the settings of the run aside."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab export",
        description="Write a run's best checkpoint as one file, checked against the net on real "
        "samples. Other flags are the run's settings, such as --data.root.",
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run, or a checkpoint")
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
        help="the file; by default model.onnx or .pth in RUN, last.onnx for last.ckpt and so on",
    )
    parser.add_argument("--opset", type=int, help=f"ONNX's operators, {OPSETS[0]} to {OPSETS[-1]}")
    return parser
