"""Time a table from its file to the end of an epoch, against a loop by hand on a ready matrix.

    .venv/bin/python benchmarks/table_speed.py --table diamonds.csv --target price

Load and split, epochs of ``mlp-lab fit`` up to their validation, and epochs of the loop, round
after round; medians are printed. Both have one thread.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bench import epochs_of
from torch import Tensor, nn
from torch.nn import functional as F

from mlp_lab.data import LabDataModule, Table
from mlp_lab.nets import TableEncoder, TableEncoding
from mlp_lab.tables import Column

BATCH_SIZE = 128
HIDDEN = 200
EPOCHS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    # Lightning sets it at import; a loop by hand never had it, and is slower with it.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    loading, ours, by_hand = [], [], []
    for _ in range(options.rounds):
        start = time.perf_counter()
        data = _load(options.table, options.target)
        loading.append(time.perf_counter() - start)
        ours.append(_train(options.table, options.target))
        by_hand.append(_train_by_hand(*_encode(data)))
    print(f"load, encode and split: {median(loading):.3f} s")
    print(f"epoch, ours: {median(ours):.3f} s, by hand: {median(by_hand):.3f} s")
    print(f"ratio: {median(ours) / median(by_hand):.2f}")


def _load(path: Path, target: str) -> LabDataModule:
    data = LabDataModule(Table(path, target), val_fraction=0.1)
    data.setup("fit")
    return data


def _train(path: Path, target: str) -> float:
    """Return the median seconds of the training part of an epoch."""
    with tempfile.TemporaryDirectory() as runs_dir:
        command = [
            *(sys.executable, "-m", "mlp_lab", "fit", "--model=RegressionTask"),
            *(
                "--data.source=Table",
                f"--data.source.path={path}",
                f"--data.source.target={target}",
            ),
            *(f"--model.net.hidden_dims=[{HIDDEN}]", f"--data.batch_size={BATCH_SIZE}"),
            *("--threads=1", "--trainer.accelerator=cpu", f"--runs_dir={runs_dir}"),
        ]
        return epochs_of(command, EPOCHS)["train"]


def _encode(data: LabDataModule) -> tuple[Tensor, Tensor]:
    """Return what a loop by hand would have ready: encoded inputs and scaled targets."""
    train = data.subsets["train"]
    assert data.columns is not None
    encoder = TableEncoder([Column.from_plain(c) for c in data.columns], TableEncoding())
    encoder.fit(train.samples.inputs, train.indices)
    with torch.inference_mode():
        inputs = encoder(train.samples.inputs[train.indices])
    targets = train.labels
    return inputs.clone(), (targets - targets.mean()) / targets.std()


def _train_by_hand(inputs: Tensor, targets: Tensor) -> float:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(inputs.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
    seconds = []
    for _ in range(1 + EPOCHS):
        start = time.perf_counter()
        for picked in torch.split(torch.randperm(len(inputs)), BATCH_SIZE):
            loss: Any = F.mse_loss(net(inputs[picked]), targets[picked])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])


if __name__ == "__main__":
    main()
