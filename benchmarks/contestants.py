"""What bench.py compares the project with, each timing its own epochs in a process of its own.

``python benchmarks/contestants.py NAME DATA_ROOT NUM_EPOCHS [SETTINGS]`` prints the seconds of
every epoch but the first as one JSON object; SETTINGS is another one, of further arguments.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import lightning.pytorch as pl
import torch
from clocks import EpochClock
from lightning.pytorch.loggers import CSVLogger
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from mlp_lab import data as lab_data

# What base.yaml says, for those that do not read it.
BATCH_SIZE = 128
LEARNING_RATE = 0.001

# Mean and standard deviation of MNIST's training split.
MEAN, STD = 0.1307, 0.3081

Seconds = dict[str, list[float]]


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
    return {"train": clock.seconds["train"]}


def time_hand_written(
    data_root: Path,
    num_epochs: int,
    *,
    hidden_dims: Sequence[int] = (200,),
    batch_size: int = BATCH_SIZE,
    max_norm: float | None = None,
) -> Seconds:
    """Time a bare loop over bytes in memory, which logs nothing: about as fast as PyTorch goes."""
    # Lightning sets this at import; each step of Adam then looks for a GPU the slower way.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    dataset = MNIST(data_root)
    images, labels = dataset.data, dataset.targets
    net = make_net(hidden_dims)
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, fused=True)
    seconds = []
    for _ in range(num_epochs):
        start = time.perf_counter()
        for picked in torch.split(torch.randperm(len(labels)), batch_size):
            inputs = images[picked].float().div_(255).sub_(MEAN).div_(STD)
            loss = F.cross_entropy(net(inputs), labels[picked])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            if max_norm is not None:
                nn.utils.clip_grad_norm_(net.parameters(), max_norm)
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"train": seconds}


def time_hand_clipped(data_root: Path, num_epochs: int) -> Seconds:
    """Time the same with clipped gradients."""
    return time_hand_written(data_root, num_epochs, max_norm=1.0)


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


def make_net(hidden_dims: Sequence[int] = (200,)) -> nn.Module:
    """Make the net of base.yaml, or one of other widths."""
    layers: list[nn.Module] = [nn.Flatten()]
    for num_in, num_out in pairwise((784, *hidden_dims)):
        layers += [nn.Linear(num_in, num_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear((784, *hidden_dims)[-1], 10))


CONTESTANTS: dict[str, Callable[..., Seconds]] = {
    "hand_written": time_hand_written,
    "hand_clipped": time_hand_clipped,
    "scikit_learn": time_scikit_learn,
    "scikit_learn_float32": time_scikit_learn_float32,
    "stock": time_stock,
    "loading": time_loading,
}


def main() -> None:
    """Run one contestant."""
    name, data_root, num_epochs, *settings = sys.argv[1:]
    keywords = json.loads(settings[0]) if settings else {}
    with redirect_stdout(sys.stderr):
        seconds = CONTESTANTS[name](Path(data_root), int(num_epochs), **keywords)
    print(json.dumps({part: values[1:] for part, values in seconds.items()}))


if __name__ == "__main__":
    main()
