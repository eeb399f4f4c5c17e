"""The contestants of bench.py, each timing its own epochs in a process of its own.

``python contestants.py NAME DATA_ROOT NUM_EPOCHS`` prints the seconds of every epoch but the first
as one JSON object: ``train`` for the training part, ``whole`` for all of it where that is more.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from mlp_lab import data as lab_data
from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.training.checks import check_training
from mlp_lab.training.start import open_run
from mlp_lab.training.trainer import build_trainer

BASE_CONFIG = Path(__file__).parents[1] / "configs" / "base.yaml"

# What base.yaml says, for those that do not read it.
BATCH_SIZE = 128
LEARNING_RATE = 0.001

# Mean and standard deviation of MNIST's training split.
MEAN, STD = 0.1307, 0.3081

Seconds = dict[str, list[float]]


class EpochClock(pl.Callback):
    """Note when epochs start, and when their training part ends.

    It belongs first among the callbacks: then what the others do at an epoch's start counts, and
    so does what they do before validation, whose epoch starts after every ``on_validation_start``.
    """

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._stops: list[float] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the start of an epoch, and with it the end of the one before."""
        self._starts.append(time.perf_counter())

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the training part."""
        self._stops.append(time.perf_counter())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the training part, where there was no validation."""
        if len(self._stops) < len(self._starts):
            self._stops.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the end of the last epoch."""
        self._starts.append(time.perf_counter())

    @property
    def train_seconds(self) -> list[float]:
        """Seconds of the training part of each epoch."""
        return [stop - start for start, stop in zip(self._starts, self._stops, strict=False)]

    @property
    def whole_seconds(self) -> list[float]:
        """Seconds of each epoch with its validation and checkpoints."""
        return [end - start for start, end in zip(self._starts, self._starts[1:], strict=False)]


def time_ours(data_root: Path, num_epochs: int, **settings: str) -> Seconds:
    """Time ``mlp-lab fit --config configs/base.yaml`` on MNIST, with everything it does by default.

    Validation is on the test set, so that all 60,000 training images train, as they do elsewhere.
    """
    with tempfile.TemporaryDirectory() as runs_dir:
        words = {
            "config": str(BASE_CONFIG),
            "data.source": "mlp_lab.data.MNIST",
            "data.root": str(data_root),
            "data.download": "false",
            "data.validate_on": "test",
            "trainer.max_epochs": str(num_epochs),
            "trainer.accelerator": "cpu",
            "runs_dir": runs_dir,
            **settings,
        }
        arguments = [f"--{key}={value}" for key, value in words.items()]
        job = LabCLI("fit", read_invocation("fit", arguments)).job
        clock = EpochClock()
        check_training(job)
        with open_run(job) as run:
            trainer = build_trainer(job, run)
            trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]  # set by a connector
            trainer.fit(job.task, datamodule=job.data)
    return {"train": clock.train_seconds, "whole": clock.whole_seconds}


def time_single_steps(data_root: Path, num_epochs: int) -> Seconds:
    """Time the same with Lightning's automatic optimisation, one step at a time."""
    return time_ours(data_root, num_epochs, **{"data.steps_per_execution": "1"})


class StockModule(pl.LightningModule):
    """The base net as Lightning's introduction would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = make_net()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss, and log it."""
        inputs, labels = batch
        loss = F.cross_entropy(self.net(inputs), labels)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


def time_stock(data_root: Path, num_epochs: int) -> Seconds:
    """Time Lightning over torchvision's data set, whose samples are transformed one by one."""
    transform = Compose([ToTensor(), Normalize(MEAN, STD)])
    loader = DataLoader(
        MNIST(data_root, transform=transform),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
    )
    clock = EpochClock()
    with tempfile.TemporaryDirectory() as logs_dir:
        trainer = pl.Trainer(
            max_epochs=num_epochs,
            accelerator="cpu",
            callbacks=[clock],
            logger=CSVLogger(logs_dir),
            enable_progress_bar=False,
        )
        trainer.fit(StockModule(), loader)
    return {"train": clock.train_seconds}


def time_hand_written(data_root: Path, num_epochs: int) -> Seconds:
    """Time a bare loop over bytes in memory, which logs nothing: about as fast as PyTorch goes."""
    # Lightning sets this at import; each step of Adam then looks for a GPU the slower way.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    dataset = MNIST(data_root)
    images, labels = dataset.data, dataset.targets
    net = make_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=True)
    seconds = []
    for _ in range(num_epochs):
        start = time.perf_counter()
        for picked in torch.split(torch.randperm(len(labels)), BATCH_SIZE):
            inputs = images[picked].float().div_(255).sub_(MEAN).div_(STD)
            loss = F.cross_entropy(net(inputs), labels[picked])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"train": seconds}


def time_scikit_learn(data_root: Path, num_epochs: int, dtype: str = "float64") -> Seconds:
    """Time scikit-learn's MLPClassifier with the same net, on inputs normalised beforehand.

    Images divided by 255 are float64, and it computes in what it gets.
    """
    dataset = MNIST(data_root)
    inputs = ((dataset.data.flatten(1).numpy() / 255 - MEAN) / STD).astype(dtype)
    labels = dataset.targets.numpy()
    classifier = MLPClassifier([200], batch_size=BATCH_SIZE, alpha=0, random_state=0)
    seconds = []
    for _ in range(num_epochs):
        start = time.perf_counter()
        classifier.partial_fit(inputs, labels, classes=range(10))
        seconds.append(time.perf_counter() - start)
    return {"train": seconds}


def time_scikit_learn_float32(data_root: Path, num_epochs: int) -> Seconds:
    """Time it in the precision that all others compute in."""
    return time_scikit_learn(data_root, num_epochs, "float32")


def time_loading(data_root: Path, num_epochs: int) -> Seconds:
    """Time an epoch of batches from the loader, and as many bare index operations.

    ``index_select`` is the quickest there is; ``images[rows]`` takes several times as long.
    """
    data = lab_data.LabDataModule(lab_data.MNIST(), data_root, validate_on="test")
    data.prepare_data()
    data.setup("fit")
    loader = data.train_dataloader()
    samples = data.subsets["train"].samples
    seconds: Seconds = {"train": [], "index": []}
    for _ in range(num_epochs):
        start = time.perf_counter()
        for _batch in loader:
            pass
        middle = time.perf_counter()
        for rows in torch.split(torch.randperm(len(samples)), BATCH_SIZE):
            samples.inputs.index_select(0, rows)
            samples.labels.index_select(0, rows)
        seconds["train"].append(middle - start)
        seconds["index"].append(time.perf_counter() - middle)
    return seconds


def make_net() -> nn.Module:
    """Make the net of base.yaml."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))


CONTESTANTS: dict[str, Callable[[Path, int], Seconds]] = {
    "ours": time_ours,
    "single_steps": time_single_steps,
    "hand_written": time_hand_written,
    "scikit_learn": time_scikit_learn,
    "scikit_learn_float32": time_scikit_learn_float32,
    "stock": time_stock,
    "loading": time_loading,
}


def main() -> None:
    """Run one contestant."""
    name, data_root, num_epochs = sys.argv[1:]
    with redirect_stdout(sys.stderr):
        seconds = CONTESTANTS[name](Path(data_root), int(num_epochs))
    print(json.dumps({part: values[1:] for part, values in seconds.items()}))


if __name__ == "__main__":
    main()
