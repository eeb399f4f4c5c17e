"""From files to batches: sources, splits, statistics and the DataModule."""

from mlp_lab.data.augment import (
    Affine,
    Augmentation,
    CutMix,
    Elastic,
    Erasing,
    HorizontalFlip,
    Mixup,
    PadCrop,
)
from mlp_lab.data.datamodule import LabDataModule
from mlp_lab.data.files import TensorFile
from mlp_lab.data.image_folder import ImageFolder
from mlp_lab.data.known_table import KnownTable, reading_tables_for
from mlp_lab.data.source import PARTS, Batch, Part, Samples, SampleSubset, Source
from mlp_lab.data.synthetic import XOR, Circles, Digits, Line, Moons, SigmoidCurve
from mlp_lab.data.table import Table
from mlp_lab.data.torchvision_sets import CIFAR10, CIFAR100, KMNIST, MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KMNIST",
    "MNIST",
    "PARTS",
    "XOR",
    "Affine",
    "Augmentation",
    "Batch",
    "Circles",
    "CutMix",
    "Digits",
    "Elastic",
    "Erasing",
    "FashionMNIST",
    "HorizontalFlip",
    "ImageFolder",
    "KnownTable",
    "LabDataModule",
    "Line",
    "Mixup",
    "Moons",
    "PadCrop",
    "Part",
    "SampleSubset",
    "Samples",
    "SigmoidCurve",
    "Source",
    "Table",
    "TensorFile",
    "reading_tables_for",
]
