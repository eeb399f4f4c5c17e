"""Time augmentation and image folders against torchvision's way.

    .venv/bin/python benchmarks/data_bench.py --data-root data --image-folder FOLDER

Each contestant runs in this process after the other, round after round; medians are printed.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from mlp_lab.data import Affine, Augmentation, Batch, ImageFolder, PadCrop
from mlp_lab.seeding import generator

BATCH_SIZE = 128
PADDING = 2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="holds MNIST/raw")
    parser.add_argument(
        "--image-folder", type=Path, help="folder of class folders; by default one of MNIST"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    mnist = datasets.MNIST(arguments.data_root)
    images, labels = mnist.data[:, None], mnist.targets
    per_sample = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomCrop(28, padding=PADDING),
            v2.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1)),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    loader = DataLoader(
        datasets.MNIST(arguments.data_root, transform=per_sample),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
    )
    augmenting: dict[str, Callable[[], None]] = {
        "training steps alone": lambda: train(batches(images, labels, [])),
        "training steps, ours augments": lambda: train(
            batches(images, labels, [PadCrop(PADDING), Affine()])
        ),
        "training steps, torchvision augments each sample, 2 workers": lambda: train(loader),
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.image_folder or write_folder(Path(temporary) / "mnist", images, labels)
        decoding: dict[str, Callable[[], None]] = {
            "ImageFolder, first time": lambda: read_anew(folder),
            "ImageFolder, again": lambda: read(folder),
            "torchvision's ImageFolder, 2 workers": lambda: read_by_torchvision(folder),
        }
        compare(decoding, arguments.rounds)
    compare(augmenting, arguments.rounds)


def compare(contestants: Mapping[str, Callable[[], None]], rounds: int) -> None:
    """Run one after the other, round after round, and print what each took."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(1 + rounds):  # the first does not count
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant()
            if number:
                seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        print(f"{name}: median {median(values):.3f} s, minimum {min(values):.3f} s")


def write_folder(folder: Path, images: torch.Tensor, labels: torch.Tensor) -> Path:
    """Write 10,000 images as PNGs into a folder for each class."""
    for number, (image, label) in enumerate(zip(images[:10_000], labels, strict=False)):
        file = folder / str(int(label)) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(file)
    return folder


def batches(
    images: torch.Tensor, labels: torch.Tensor, augmentations: list[Augmentation]
) -> Iterable[Batch]:
    """Serve augmented batches from memory."""
    draws = generator(0)
    for rows in torch.split(torch.randperm(len(labels)), BATCH_SIZE):
        batch = images.index_select(0, rows), labels.index_select(0, rows)
        for augmentation in augmentations:
            batch = augmentation.apply(batch, 10, draws)
        yield batch[0].float().div_(255), batch[1]


def train(served: Iterable[Batch]) -> None:
    """Take one epoch of steps with the baseline's net."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    for inputs, labels in served:
        optimizer.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()


def read(folder: Path) -> None:
    """Read a folder whose images were decoded before."""
    ImageFolder(folder).load(folder, download=False)


def read_anew(folder: Path) -> None:
    """Decode a folder."""
    shutil.rmtree(folder.with_name(f".{folder.name}.mlp_lab"), ignore_errors=True)
    read(folder)


def read_by_torchvision(folder: Path) -> None:
    """Decode a folder once, as torchvision's own class does."""
    dataset = datasets.ImageFolder(str(folder), transform=v2.PILToTensor())
    for _ in DataLoader(dataset, batch_size=BATCH_SIZE, num_workers=2):
        pass


if __name__ == "__main__":
    main()
