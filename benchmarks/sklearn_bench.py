"""Time NetClassifier beside scikit-learn's MLPClassifier: the same net, batch, epochs and data.

    .venv/bin/python benchmarks/sklearn_bench.py [--root data]

Both, and a bare loop of PyTorch, compute in float32 with Adam and no early stopping. They take
turns, so that whatever else the machine does falls on all. Accuracy is the mean and standard
deviation over the seeds.
"""

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

from mlp_lab.data import MNIST
from mlp_lab.processes.stack import call_with_room
from mlp_lab.sklearn import NetClassifier

HIDDEN = (200,)
RATE = 0.001
BATCH_SIZE = 128
SEEDS = (0, 1, 2)
NUM_SMALL = 100

Part = tuple[NDArray[np.float32], NDArray[np.integer]]


def digits() -> tuple[Part, Part]:
    """Return scikit-learn's digits, a quarter of them for the test."""
    features, labels = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        features.astype(np.float32), labels, test_size=0.25, random_state=0, stratify=labels
    )
    return (x, y), (x_test, y_test)


def mnist(root: Path) -> tuple[Part, Part]:
    """Return MNIST as rows of float32 in 0..1."""
    parts = MNIST().load(root, download=True)
    both = [
        (parts[part].inputs.flatten(1).float().div_(255).numpy(), parts[part].labels.numpy())
        for part in ("train", "test")
    ]
    return both[0], both[1]


def standardised(train: Part, test: Part) -> tuple[Part, Part]:
    """Scale as NetClassifier does within itself, for the other, outside of what is timed."""
    scaler = StandardScaler().fit(train[0])
    return (scaler.transform(train[0]), train[1]), (scaler.transform(test[0]), test[1])


def ours(batch_size: int, epochs: int, seed: int) -> NetClassifier:
    """Return NetClassifier."""
    return NetClassifier(
        HIDDEN,
        learning_rate=RATE,
        batch_size=batch_size,
        max_epochs=epochs,
        random_state=seed,
    )


def theirs(batch_size: int, epochs: int, seed: int) -> MLPClassifier:
    """Return MLPClassifier without its penalty, and with no stop before the last epoch."""
    return MLPClassifier(
        HIDDEN,
        learning_rate_init=RATE,
        batch_size=batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs,
        alpha=0.0,
        random_state=seed,
    )


class BareLoop:
    """What a training of PyTorch cannot do without: no metrics, no statistics, no checks."""

    def __init__(self, batch_size: int, epochs: int, seed: int) -> None:
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed

    def fit(self, features: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
        """Train with the fused Adam."""
        torch.manual_seed(self.seed)
        inputs, classes = torch.from_numpy(features), torch.from_numpy(labels)
        widths = [inputs.shape[1], *HIDDEN]
        layers = [(nn.Linear(*pair), nn.ReLU()) for pair in itertools.pairwise(widths)]
        self.net = nn.Sequential(*itertools.chain(*layers), nn.Linear(widths[-1], 10))
        optimizer = torch.optim.Adam(self.net.parameters(), RATE, fused=True)
        for _ in range(self.epochs):
            for rows in torch.split(torch.randperm(len(inputs)), self.batch_size):
                optimizer.zero_grad()
                outputs = self.net(inputs.index_select(0, rows))
                loss = nn.functional.cross_entropy(outputs, classes.index_select(0, rows))
                loss.backward()  # type: ignore[no-untyped-call]  # torch's is untyped
                optimizer.step()

    def score(self, features: NDArray[np.float32], labels: NDArray[np.integer]) -> float:
        """Return the accuracy."""
        with torch.inference_mode():
            predicted = self.net(torch.from_numpy(features)).argmax(1).numpy()
        return float((predicted == labels).mean())


def seconds_of(fit: Callable[[], Any]) -> float:
    """Time a call, which has room on Python's stack however many calls lead here."""
    start = time.perf_counter()
    call_with_room(fit)
    return time.perf_counter() - start


def compare(name: str, train: Part, test: Part, *, epochs: int, rounds: int = 1) -> None:
    """Fit all over the seeds in turns, for some rounds, and print medians and accuracies."""
    scaled = standardised(train, test)
    data = {"NetClassifier": (train, test), "MLPClassifier": scaled, "PyTorch": scaled}
    makers: dict[str, Callable[[int, int, int], Any]]
    makers = {"NetClassifier": ours, "MLPClassifier": theirs, "PyTorch": BareLoop}
    seconds: dict[str, list[float]] = {maker: [] for maker in makers}
    accuracies: dict[str, dict[int, float]] = {maker: {} for maker in makers}
    for seed in SEEDS * rounds:
        for maker, make in makers.items():
            estimator: Any = make(BATCH_SIZE, epochs, seed)
            own_train, own_test = data[maker]
            seconds[maker].append(seconds_of(partial(estimator.fit, *own_train)))
            accuracies[maker][seed] = 100 * estimator.score(*own_test)
    medians = {maker: statistics.median(times) for maker, times in seconds.items()}
    print(f"{name}: {len(train[0]):,} samples, batch {BATCH_SIZE}, {epochs} epochs")
    for maker in makers:
        of_seeds = [*accuracies[maker].values()]
        mean, spread = statistics.mean(of_seeds), statistics.stdev(of_seeds)
        print(
            f"  {maker:13}  {medians[maker]:7.2f} s ({min(seconds[maker]):.2f} to "
            f"{max(seconds[maker]):.2f})  {mean:.2f} ± {spread:.2f} %"
        )
    for maker in ("NetClassifier", "PyTorch"):
        times = medians[maker] / medians["MLPClassifier"]
        print(f"  {maker}: {times:.2f} times MLPClassifier", flush=True)


def small() -> None:
    """Print what a fit of a hundred samples costs with the default arguments."""
    features, labels = make_classification(NUM_SMALL, 20, random_state=0)
    first, *others = [seconds_of(partial(NetClassifier().fit, features, labels)) for _ in range(11)]
    print(
        f"{NUM_SMALL} samples, default arguments: {statistics.median(others):.3f} s, the first "
        f"{first:.3f} s"
    )


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("data"), help="where MNIST lies")
    root: Path = parser.parse_args().root
    warnings.simplefilter("ignore", ConvergenceWarning)
    small()
    compare("digits", *digits(), epochs=50, rounds=5)
    compare("MNIST", *mnist(root), epochs=10)


if __name__ == "__main__":
    main()
