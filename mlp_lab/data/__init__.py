"""From files to batches: sources, splits, statistics and the DataModule."""

from mlp_lab.data.datamodule import LabDataModule
from mlp_lab.data.source import Batch, Part, Samples, SampleSubset, Source
from mlp_lab.data.synthetic import Digits
from mlp_lab.data.torchvision_sets import CIFAR10, CIFAR100, KMNIST, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "Batch",
    "Digits",
    "FashionMNIST",
    "LabDataModule",
    "Part",
    "SampleSubset",
    "Samples",
    "Source",
]
