"""Time a training epoch of the baseline against what one would write instead.

    .venv/bin/python benchmarks/epoch.py

Ours, stock Lightning and a hand-written loop take turns, round after round, each in a fresh process
and never two at a time; what disturbs the machine then disturbs all of them alike, and the ratios
of a round stay meaningful. This process imports no torch: its own memory would count in the peak of
those that it starts.
"""

import argparse
import json
import os
import platform
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

NUM_CORES = 2

# Epochs that count in a round; before them each contestant runs one that does not.
NUM_EPOCHS = {"ours": 3, "stock": 1, "hand_written": 3}

# MNIST: images of 28 x 28 bytes in the training and in the test part.
NUM_SAMPLES = {"train": 60_000, "t10k": 10_000}
IMAGE_SIDE = 28
LABEL_BYTES = 8  # int64 in memory
DATASET_BYTES = sum(NUM_SAMPLES.values()) * (IMAGE_SIDE**2 + LABEL_BYTES)

WANTED_STOCK_RATIO = 5.0
ALLOWED_EXTRA_BYTES = 200_000_000


@dataclass(frozen=True)
class Round:
    """Seconds of the median epoch of each contestant in one round."""

    ours: float
    ours_whole: float
    stock: float
    hand_written: float


@dataclass(frozen=True)
class PeakMemory:
    """Bytes resident at most."""

    fit: int
    bare_import: int

    @property
    def bound(self) -> int:
        """What ``fit`` may take: Lightning, the data three times, and a little for the rest."""
        return self.bare_import + 3 * DATASET_BYTES + ALLOWED_EXTRA_BYTES


def main() -> None:
    """Measure, print the result, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="holds MNIST/raw")
    parser.add_argument("--pairs", type=int, default=7, help="number of rounds")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.md"))
    arguments = parser.parse_args()

    use_cores(NUM_CORES)
    with tempfile.TemporaryDirectory() as temporary_dir:
        data_root: Path = arguments.data_root
        has_mnist = has_full_mnist(data_root)
        if not has_mnist:
            print("Full MNIST is not there: random images of the same size take its place.")
            data_root = Path(temporary_dir)
            write_random_mnist(data_root)
        memory = PeakMemory(
            fit=peak_bytes(contestant_command("ours", data_root, 1)),
            bare_import=peak_bytes([sys.executable, "-c", "import lightning.pytorch.cli"]),
        )
        rounds = []
        for number in range(1, arguments.pairs + 1):
            rounds.append(run_round(data_root))
            seconds = ", ".join(f"{name} {s:.3f} s" for name, s in vars(rounds[-1]).items())
            print(f"round {number} of {arguments.pairs}: {seconds}", flush=True)
    text = report(rounds, memory, has_mnist=has_mnist)
    print(f"\n{text}", end="")
    arguments.out.write_text(text, encoding="utf-8")


def use_cores(count: int) -> None:
    """Leave this process, and all that it starts, ``count`` cores where there are more."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def write_random_mnist(data_root: Path) -> None:
    """Write random bytes in the form and size of MNIST."""
    generator = random.Random(0)
    for part, count in NUM_SAMPLES.items():
        images_path, labels_path = idx_paths(data_root, part)
        images_path.parent.mkdir(parents=True, exist_ok=True)
        # The idx header: a magic number (8 = bytes, then the number of dimensions), and the shape.
        header = struct.pack(">4I", 0x803, count, IMAGE_SIDE, IMAGE_SIDE)
        images_path.write_bytes(header + generator.randbytes(count * IMAGE_SIDE**2))
        labels = bytes(generator.choices(range(10), k=count))
        labels_path.write_bytes(struct.pack(">2I", 0x801, count) + labels)


def contestant_command(name: str, data_root: Path, num_epochs: int) -> list[str]:
    """Return the command that runs a contestant."""
    script = Path(__file__).with_name("contestants.py")
    return [sys.executable, str(script), name, str(data_root), str(num_epochs)]


def run_round(data_root: Path) -> Round:
    """Run every contestant once, one after the other."""
    seconds = {}
    for name, count in NUM_EPOCHS.items():
        done = subprocess.run(
            contestant_command(name, data_root, 1 + count), capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        epochs = json.loads(done.stdout)
        seconds[name] = median(epochs["train"])
        if name == "ours":
            seconds["ours_whole"] = median(epochs["whole"])
    return Round(**seconds)


def peak_bytes(command: Sequence[str]) -> int:
    """Return the most memory that a command had resident."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{command[1:3]} failed:\n{output.read().decode()}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def report(rounds: Sequence[Round], memory: PeakMemory, *, has_mnist: bool) -> str:
    """Say everything in Markdown."""
    return "\n".join(
        [
            "# A training epoch, side by side",
            "",
            f"`python benchmarks/epoch.py --pairs {len(rounds)}`, {datetime.now(UTC):%Y-%m-%d}; "
            f"{cpu_model()}, {num_cores()} threads; Python {platform.python_version()}, "
            f"torch {version('torch')}, Lightning {version('lightning')}.",
            "",
            f"{'MNIST' if has_mnist else 'Random bytes in the size of MNIST'}, "
            f"{NUM_SAMPLES['train']:,} training images; an MLP 784-200-10 with ReLU, batches of "
            "128, Adam at 0.001. In each round the contestants run one after the other, each in a "
            "fresh process; start-up and the first epoch do not count, and the median of the "
            f"others does: {NUM_EPOCHS['ours']} of ours, {NUM_EPOCHS['stock']} of stock Lightning, "
            f"{NUM_EPOCHS['hand_written']} of the hand-written loop.",
            "",
            *seconds_table(rounds),
            "",
            *ratios_table(rounds),
            "",
            *memory_table(memory),
            "",
            "- **Ours** is `mlp-lab fit --config configs/base.yaml` on MNIST with all callbacks, "
            "metrics.csv, TensorBoard, checkpoints, and loss, accuracy and learning rate of every "
            "step; validated on the 10,000 test images, so that all others train.",
            "- **Stock Lightning** is torchvision's MNIST with ToTensor and Normalize on each "
            "sample, a DataLoader with 2 persistent workers, and a loss logged to CSVLogger; no "
            "validation, no progress bar.",
            "- **The hand-written loop** indexes bytes in memory, uses fused Adam, and logs "
            "nothing.",
            "",
        ]
    )


def seconds_table(rounds: Sequence[Round]) -> list[str]:
    """Lay out the seconds of each contestant."""
    rows = {
        "ours, training part": [r.ours for r in rounds],
        "ours, with validation and checkpoints": [r.ours_whole for r in rounds],
        "stock Lightning": [r.stock for r in rounds],
        "hand-written loop": [r.hand_written for r in rounds],
    }
    return [
        "| seconds an epoch | min | median | max |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {min(values):.3f} | {median(values):.3f} | {max(values):.3f} |"
            for name, values in rows.items()
        ),
    ]


def ratios_table(rounds: Sequence[Round]) -> list[str]:
    """Lay out how many times longer one takes than another, from training parts alone."""
    ours = [r.ours for r in rounds]
    stock = [r.stock for r in rounds]
    hand_written = [r.hand_written for r in rounds]
    rows = (
        ("stock Lightning / ours", stock, ours, f"at least {WANTED_STOCK_RATIO:g}"),
        ("ours / hand-written loop", ours, hand_written, ""),
    )
    return [
        "| times as long | median over rounds | ratio of minima | wanted |",
        "|---|---:|---:|---|",
        *(
            f"| {name} | {median(a / b for a, b in zip(above, below, strict=True)):.2f} "
            f"| {min(above) / min(below):.2f} | {wanted} |"
            for name, above, below, wanted in rows
        ),
    ]


def memory_table(memory: PeakMemory) -> list[str]:
    """Lay out the peak memory and its bound."""
    rows = {
        "`fit`, 1 epoch": memory.fit,
        "`import lightning.pytorch.cli` alone": memory.bare_import,
        "the data set, bytes and int64 labels": DATASET_BYTES,
        f"bound: import + 3 x data set + {ALLOWED_EXTRA_BYTES // 10**6} MB": memory.bound,
    }
    return [
        "| peak memory | MB |",
        "|---|---:|",
        *(f"| {name} | {value / 1e6:,.0f} |" for name, value in rows.items()),
    ]


def cpu_model() -> str:
    """Return the processor's name, its architecture where the system does not tell."""
    info_path = Path("/proc/cpuinfo")
    lines = info_path.read_text(encoding="utf-8").splitlines() if info_path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
