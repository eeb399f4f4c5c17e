"""``mlp-lab export``: a run's best checkpoint as one file."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.callbacks.checkpoints import read_checkpoint
from mlp_lab.console import quieten
from mlp_lab.errors import ConfigError
from mlp_lab.export.model_info import describe_model, samples_to_check
from mlp_lab.export.onnx_file import OPSETS, write_onnx
from mlp_lab.export.torch_file import write_torch_file
from mlp_lab.interruption import raise_on_signals
from mlp_lab.lightning_cli import LabCLI
from mlp_lab.run import read_json
from mlp_lab.settings import read_settings


def main(command: str, args: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    quieten()
    raise_on_signals()
    words, flags = make_parser(command).parse_known_args(args)
    if words.opset is not None and words.format != "onnx":
        raise ConfigError(f"opset is of ONNX, and the format is {words.format}. Leave it out.")
    if words.out is not None and words.out.suffix != f".{words.format}":
        raise ConfigError(f"out is {str(words.out)!r}; it must be a .{words.format}.")
    source: Path = words.run
    named = ["--ckpt_path" if source.is_file() else "--run_dir", str(source)]
    settings = read_settings("export", [*named, *flags])
    cli = LabCLI("export", settings)
    print(settings.origin)
    checkpoint = settings.checkpoint
    assert checkpoint is not None
    content = read_checkpoint(checkpoint)
    cli.model.load_state_dict(content["state_dict"])
    data = cli.datamodule
    data.prepare_data()
    data.setup("test")
    run = settings.run
    metrics = content["mlp_lab"]["metrics"]
    directory, stem = run.dir if run else checkpoint.parent, checkpoint.stem
    if run is not None and checkpoint.resolve() == run.best_checkpoint.resolve():
        metrics = metrics | read_json(run.metrics_path)
        stem = "model"
    name = run.name if run else str(content["mlp_lab"].get("model", {}).get("run", ""))
    info = describe_model(cli.model, data, name, metrics)
    path: Path = words.out or directory / f"{stem}.{words.format}"
    samples = samples_to_check(data)
    if words.format == "onnx":
        difference = write_onnx(cli.model, info, samples, path, words.opset)
    else:
        difference = write_torch_file(cli.model, info, samples, path)
    print(f"checked on {len(samples)} test samples: differs by {difference:.1e} from the net")
    print(f"written: {path}")
    return 0


def make_parser(command: str) -> argparse.ArgumentParser:
    """Return what reads the command's words; other words are settings of the run."""
    parser = argparse.ArgumentParser(
        prog=f"mlp-lab {command}",
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
