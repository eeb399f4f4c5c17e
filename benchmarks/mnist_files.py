"""The files of MNIST: those that are there, or random ones of the same size."""

import random
import struct
from pathlib import Path

# MNIST: images of 28 x 28 bytes in the training and in the test part.
NUM_SAMPLES = {"train": 60_000, "t10k": 10_000}
IMAGE_SIDE = 28
LABEL_BYTES = 8  # int64 in memory
DATASET_BYTES = sum(NUM_SAMPLES.values()) * (IMAGE_SIDE**2 + LABEL_BYTES)


def idx_paths(data_root: Path, part: str) -> tuple[Path, Path]:
    """Return the files of a part of MNIST: images and labels."""
    raw_dir = data_root / "MNIST" / "raw"
    return raw_dir / f"{part}-images-idx3-ubyte", raw_dir / f"{part}-labels-idx1-ubyte"


def has_full_mnist(data_root: Path) -> bool:
    """Whether all files are there in their full size."""
    for part, count in NUM_SAMPLES.items():
        images_path, labels_path = idx_paths(data_root, part)
        sizes = {images_path: 16 + count * IMAGE_SIDE**2, labels_path: 8 + count}  # with headers
        if any(not p.is_file() or p.stat().st_size != size for p, size in sizes.items()):
            return False
    return True


def write_random_mnist(data_root: Path, **num_samples: int) -> None:
    """Write random bytes in the form of MNIST, and in its size unless another one is given."""
    generator = random.Random(0)
    for part, count in (NUM_SAMPLES | num_samples).items():
        images_path, labels_path = idx_paths(data_root, part)
        images_path.parent.mkdir(parents=True, exist_ok=True)
        # The idx header: a magic number (8 = bytes, then the number of dimensions), and the shape.
        header = struct.pack(">4I", 0x803, count, IMAGE_SIDE, IMAGE_SIDE)
        images_path.write_bytes(header + generator.randbytes(count * IMAGE_SIDE**2))
        labels = bytes(generator.choices(range(10), k=count))
        labels_path.write_bytes(struct.pack(">2I", 0x801, count) + labels)
