"""Compare a rebuilt bench with recorded numbers, where no number may change.

    .venv/bin/python benchmarks/same_numbers.py record before.json
    .venv/bin/python benchmarks/same_numbers.py compare before.json

Trains a dozen small configurations of every kind, one of them killed and resumed, and keeps the
SHA-256 of their weights, metrics.csv, metrics.json without its times, and config.yaml. Both runs
need the same machine: the last bits of a sum differ from processor to processor.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

TIMES = ("seconds", "images_per_second")

IMAGES = ["--data.source=Digits", "--data.batch_size=32", "--trainer.max_epochs=3"]
POINTS = ["--data.source=Moons", "--trainer.max_epochs=4", "--model.net.hidden_dims=[16]"]


def callbacks(**arguments: object) -> str:
    """Return the flag for callbacks of these names with these arguments."""
    specs = [{"class_path": name, "init_args": given} for name, given in arguments.items()]
    return f"--trainer.callbacks={json.dumps(specs)}"


CONFIGURATIONS: dict[str, list[str]] = {
    "classification": [*IMAGES, "--model.net.dropout=0.2"],
    "classification, single steps": [
        *(*IMAGES, "--model.net.dropout=0.2", "--data.steps_per_execution=1")
    ],
    "binary": [*POINTS, "--model=BinaryTask", "--model.schedule=OneCycle"],
    "regression": [
        *("--data.source=SigmoidCurve", "--model=RegressionTask", "--trainer.max_epochs=4"),
        "--model.net.batch_norm=before",
    ],
    "augmentation": [*IMAGES, "--data.augment=[PadCrop,HorizontalFlip,Mixup]", "--model.net=CNN"],
    "average of weights": [*IMAGES, callbacks(EMAWeightAveraging={"decay": 0.9})],
    "average of epochs": [
        *(*IMAGES, callbacks(SWAWeightAveraging={"start_epoch": 2}), "--model.schedule=Cosine")
    ],
    "plateau, early stopping": [
        *(*POINTS, "--model.schedule=Plateau", "--model.schedule.patience=0"),
        callbacks(EarlyStopping={"monitor": "val/acc", "mode": "max", "patience": 1}),
    ],
    "LBFGS": [*POINTS, "--model.optimizer=LBFGS"],
    "unbalanced": [
        *(*IMAGES, '--data.imbalance={"3": 0.3}', "--data.class_weights=balanced"),
        "--model.optimizer=SGD",
        "--model.optimizer.momentum=0.9",
    ],
    "accumulation": [
        *(*IMAGES, "--trainer.accumulate_grad_batches=2", "--trainer.gradient_clip_val=0.5")
    ],
    "killed and resumed": [*IMAGES, "--trainer.max_epochs=30", "--model.net.dropout=0.2"],
}

Fingerprint = Mapping[str, str]
"""SHA-256 of each part of a run, by the part's name."""


def main() -> int:
    """Record or compare, and return the exit code."""
    parser = argparse.ArgumentParser(description="Compare all numbers with recorded ones.")
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("file", type=Path, help="the record")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = {name: train(name, Path(directory)) for name in CONFIGURATIONS}
    if words.action == "record":
        words.file.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    different = differences(json.loads(words.file.read_text()), found)
    print("\n".join(["different:", *different] if different else ["the same, all of them"]))
    return 1 if different else 0


def differences(before: Mapping[str, Fingerprint], after: Mapping[str, Fingerprint]) -> list[str]:
    """List what is not the same, or only in one of the two."""
    return sorted(
        f"{name}: {part}"
        for name in before.keys() | after.keys()
        for part in before.get(name, {}).keys() | after.get(name, {}).keys()
        if before.get(name, {}).get(part) != after.get(name, {}).get(part)
    )


def train(name: str, parent: Path) -> Fingerprint:
    """Train a configuration, and return its fingerprint."""
    cwd = parent / name.replace(" ", "_")
    cwd.mkdir()
    words = ["--data.root=/data", "--figures=false", "--onnx=false", *CONFIGURATIONS[name]]
    run_dir = cwd / "runs" / "base" / "version_0"
    if name.startswith("killed"):
        with start(["fit", *words], cwd) as process:
            while not (run_dir / "checkpoints" / "best.ckpt").exists():
                time.sleep(0.01)
            process.kill()
        words = ["--run_dir=runs/base/version_0"]
    with start(["fit", *words], cwd) as process:
        if process.wait():
            raise SystemExit(f"{name}: fit ended with {process.returncode}")
    print(name, flush=True)
    return fingerprint(run_dir)


def start(words: list[str], cwd: Path) -> "subprocess.Popen[bytes]":
    """Start a command that prints nothing, on one thread."""
    command = [sys.executable, "-m", "mlp_lab", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)


def fingerprint(run_dir: Path) -> Fingerprint:
    """Return the SHA-256 of everything in a run that may not change."""
    metrics = json.loads((run_dir / "metrics.json").read_text())
    kept = {key: value for key, value in metrics.items() if key not in TIMES}
    return {
        "best.ckpt": hash_weights(run_dir / "checkpoints" / "best.ckpt"),
        "last.ckpt": hash_weights(run_dir / "checkpoints" / "last.ckpt"),
        "metrics.csv": hash_bytes((run_dir / "metrics.csv").read_bytes()),
        "metrics.json": hash_bytes(json.dumps(kept, sort_keys=True).encode()),
        "config.yaml": hash_bytes((run_dir / "config.yaml").read_bytes()),
    }


def hash_weights(checkpoint: Path) -> str:
    """Return the SHA-256 of all tensors of the task, by name."""
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    content = b"".join(name.encode() + state[name].numpy().tobytes() for name in sorted(state))
    return hash_bytes(content)


def hash_bytes(content: bytes) -> str:
    """Return a SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
