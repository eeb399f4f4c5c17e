"""Tiny data sets in their true on-disk form, easy enough that a net learns them in a few steps."""

import gzip
import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets

NUM_TRAIN = 120
NUM_TEST = 40


def make_images(num: int, num_classes: int, shape: tuple[int, ...], seed: int) -> Any:
    """Return images ``(N, H, W)`` or ``(N, H, W, C)``, a bright row at their label, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(num) % num_classes
    images = rng.integers(0, 60, (num, *shape), dtype=np.uint8)
    images[np.arange(num), labels % shape[0]] = (
        250 - 2 * (labels // shape[0])[(..., *[None] * (len(shape) - 1))]
    )
    return images, labels


def idx_bytes(array: Any) -> bytes:
    """Encode bytes as an idx file: magic number, sizes, values."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    values: bytes = array.astype(np.uint8).tobytes()
    return header + values


def idx_files(num_train: int = NUM_TRAIN, num_test: int = NUM_TEST) -> dict[str, bytes]:
    """Return the four files of an MNIST-like set by name."""
    files = {}
    for prefix, num, seed in (("train", num_train, 0), ("t10k", num_test, 1)):
        images, labels = make_images(num, 10, (28, 28), seed)
        files[f"{prefix}-images-idx3-ubyte"] = idx_bytes(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(labels)
    return files


def write_idx_set(root: Path, name: str, **sizes: int) -> Path:
    """Write an MNIST-like set as torchvision leaves it after a download."""
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for file, content in idx_files(**sizes).items():
        (raw / file).write_bytes(content)
    return raw


def write_cifar(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a CIFAR set as pickles, and tell torchvision their checksums."""
    reader = getattr(datasets, name)
    num_classes = 10 if name == "CIFAR10" else 100
    label_key = "labels" if num_classes == 10 else "fine_labels"
    directory = root / reader.base_folder
    directory.mkdir(parents=True)

    def write(file: str, content: dict[str, Any]) -> str:
        encoded = pickle.dumps(content)
        (directory / file).write_bytes(encoded)
        return hashlib.md5(encoded).hexdigest()

    def write_part(entries: list[list[str]], num: int, seed: int) -> list[list[str]]:
        images, labels = make_images(num, num_classes, (32, 32, 3), seed)
        flat = images.transpose(0, 3, 1, 2).reshape(num, -1)
        written = []
        for (file, _), rows in zip(
            entries, np.array_split(np.arange(num), len(entries)), strict=True
        ):
            content = {"data": flat[rows], label_key: labels[rows].tolist()}
            written.append([file, write(file, content)])
        return written

    size = 12 * num_classes
    monkeypatch.setattr(reader, "train_list", write_part(reader.train_list, size, 0))
    monkeypatch.setattr(reader, "test_list", write_part(reader.test_list, 4 * num_classes, 1))
    names = [str(k) for k in range(num_classes)]
    meta = {**reader.meta, "md5": write(reader.meta["filename"], {reader.meta["key"]: names})}
    monkeypatch.setattr(reader, "meta", meta)


def gzipped(files: dict[str, bytes]) -> dict[str, bytes]:
    """Pack files as their download has them."""
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}


def write_table(path: Path, target: str, others: list[str], *, has_classes: bool) -> None:
    """Write a CSV of a column of numbers, one of texts, and a target that they determine."""
    rng = np.random.default_rng(0)
    numbers, texts = rng.normal(size=NUM_TRAIN), rng.choice(["a", "b", "c"], NUM_TRAIN)
    rows = [",".join([target, "number", "text", *others])]
    for number, text in zip(numbers, texts, strict=True):
        value = number + (text == "a")
        cells = [("yes" if value > 0 else "no") if has_classes else f"{value:.4f}"]
        rows.append(",".join([*cells, f"{number:.4f}", text, *["1"] * len(others)]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
