"""Time the baseline against what one would write instead.

    .venv/bin/python benchmarks/bench.py --data-root data

The contestants take turns, round after round, each in a fresh process and never two at a time; what
disturbs the machine then disturbs all of them alike, and the ratios of a round stay meaningful.
This process imports no torch: its own memory would count in the peak of those that it starts.
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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

NUM_CORES = 2
HERE = Path(__file__).parent

# Epochs that count in a round, in the order of their turns; before them each contestant runs one
# that does not. The hand-written loop stands between the two that are compared with it.
NUM_EPOCHS = {
    "ours": 5,
    "hand_written": 5,
    "single_steps": 5,
    "loading": 5,
    "scikit_learn": 2,
    "scikit_learn_float32": 2,
    "stock": 1,
}

# MNIST: images of 28 x 28 bytes in the training and in the test part.
NUM_SAMPLES = {"train": 60_000, "t10k": 10_000}
IMAGE_SIDE = 28
LABEL_BYTES = 8  # int64 in memory
DATASET_BYTES = sum(NUM_SAMPLES.values()) * (IMAGE_SIDE**2 + LABEL_BYTES)

ALLOWED_EXTRA_BYTES = 200_000_000

# Seconds by what was timed.
Round = Mapping[str, float]

IMPORT_COMMAND = [sys.executable, "-c", "import lightning.pytorch.cli, os; os._exit(0)"]


@dataclass(frozen=True)
class Comparison:
    """How many times longer one thing takes than another.

    Attributes:
        name: What is divided by what.
        above: What is divided.
        below: What it is divided by.
        wanted: The bar.
    """

    name: str
    above: str
    below: str
    wanted: str


ROWS = {
    "ours": "ours, training part",
    "ours_whole": "ours, with validation and checkpoints",
    "single_steps": "ours with `steps_per_execution: 1`, training part",
    "single_steps_whole": "the same with validation and checkpoints",
    "hand_written": "hand-written loop",
    "scikit_learn": "scikit-learn's MLPClassifier, float64",
    "scikit_learn_float32": "scikit-learn's MLPClassifier, float32",
    "stock": "stock Lightning",
    "loading": "our batches alone",
    "index": "bare index operations alone",
    "first_step": "`fit`, from its start to the first step",
    "help": "`mlp-lab --help` (wanted: under 0.5)",
    "import": "`import lightning.pytorch.cli`",
}

COMPARISONS = (
    Comparison("ours / hand-written loop", "ours", "hand_written", "at most 1.3"),
    Comparison(
        "ours with `steps_per_execution: 1` / hand-written loop",
        "single_steps",
        "hand_written",
        "at most 1.6",
    ),
    Comparison("scikit-learn, float64 / ours", "scikit_learn", "ours", "at least 1.5"),
    Comparison("scikit-learn, float32 / ours", "scikit_learn_float32", "ours", "at least 1.5"),
    Comparison("stock Lightning / ours", "stock", "ours", "at least 5"),
    Comparison("our batches / bare index operations", "loading", "index", "at most 2.5"),
    Comparison("`fit` to its first step / import", "first_step", "import", "at most 1.3"),
    Comparison(
        "ours with validation and checkpoints / hand-written loop without",
        "ours_whole",
        "hand_written",
        "",
    ),
    Comparison("the same with `steps_per_execution: 1`", "single_steps_whole", "hand_written", ""),
)


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
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    arguments = parser.parse_args()

    use_cores(NUM_CORES)
    # Byte-code is what every start but the first has.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as temporary_dir:
        data_root: Path = arguments.data_root
        has_mnist = has_full_mnist(data_root)
        if not has_mnist:
            print("Full MNIST is not there: random images of the same size take its place.")
            data_root = Path(temporary_dir)
            write_random_mnist(data_root)
        memory = PeakMemory(
            fit=peak_bytes(fit_command(data_root, Path(temporary_dir), "--trainer.max_epochs=1")),
            bare_import=peak_bytes(IMPORT_COMMAND),
        )
        rounds = []
        for number in range(1, arguments.pairs + 1):
            rounds.append(run_round(data_root, Path(temporary_dir)))
            seconds = ", ".join(f"{name} {s:.3f} s" for name, s in rounds[-1].items())
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
    script = HERE / "contestants.py"
    return [sys.executable, str(script), name, str(data_root), str(num_epochs)]


def fit_command(data_root: Path, runs_dir: Path, *words: str) -> list[str]:
    """Return the command of a fit of the baseline on MNIST."""
    return [
        *(sys.executable, "-m", "mlp_lab", "fit"),
        *("--config", str(HERE.parent / "configs" / "base.yaml")),
        "--data.source=mlp_lab.data.MNIST",
        f"--data.root={data_root}",
        f"--runs_dir={runs_dir}",
        "--trainer.accelerator=cpu",
        *words,
    ]


def run_round(data_root: Path, temporary_dir: Path) -> Round:
    """Run every contestant once, one after the other."""
    seconds: dict[str, float] = {}
    for name, count in NUM_EPOCHS.items():
        output = run(contestant_command(name, data_root, 1 + count))
        for part, epochs in json.loads(output).items():
            key = {"train": name, "whole": f"{name}_whole"}.get(part, part)
            seconds[key] = median(epochs)
    leave = "--trainer.callbacks+=first_step.ExitAtFirstStep"
    for key, command in (
        ("first_step", fit_command(data_root, temporary_dir, leave)),
        ("help", [sys.executable, "-m", "mlp_lab", "--help"]),
        ("import", IMPORT_COMMAND),
    ):
        start = time.perf_counter()
        run(command)
        seconds[key] = time.perf_counter() - start
    return seconds


def run(command: Sequence[str]) -> str:
    """Run a command to its end, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


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
            "# The baseline, side by side",
            "",
            f"`python benchmarks/bench.py --pairs {len(rounds)}`, {datetime.now(UTC):%Y-%m-%d}; "
            f"{cpu_model()}, {num_cores()} threads; Python {platform.python_version()}, "
            f"torch {version('torch')}, Lightning {version('lightning')}, "
            f"scikit-learn {version('scikit-learn')}.",
            "",
            f"{'MNIST' if has_mnist else 'Random bytes in the size of MNIST'}, "
            f"{NUM_SAMPLES['train']:,} training images; an MLP 784-200-10 with ReLU, batches of "
            "128, Adam at 0.001. In each round all take turns, each in a fresh process; of the "
            "epochs the first does not count, and the median of the others does "
            f"({', '.join(f'{name} {count}' for name, count in NUM_EPOCHS.items())}).",
            "",
            *ratios_table(rounds),
            "",
            *seconds_table(rounds),
            "",
            *memory_table(memory),
            "",
            "- **Ours** is `mlp-lab fit --config configs/base.yaml` on MNIST with all callbacks, "
            "metrics.csv, TensorBoard, checkpoints, and loss, accuracy and learning rate of every "
            "step; validated on the 10,000 test images, so that all others train. The training "
            "part is an epoch without its validation and checkpoints.",
            "- **The hand-written loop** indexes bytes in memory, uses fused Adam, and neither "
            "validates nor logs.",
            "- **scikit-learn** is `MLPClassifier([200], batch_size=128, alpha=0)`, an epoch of "
            "`partial_fit` on inputs normalised beforehand; it computes in the precision of its "
            "inputs, which is float64 where images are divided by 255. All others use float32.",
            "- **Stock Lightning** is torchvision's MNIST with ToTensor and Normalize on each "
            "sample, a DataLoader with 2 persistent workers, and a loss logged to CSVLogger; no "
            "validation, no progress bar.",
            "- **Bare index operations** are `index_select` on images and labels.",
            "",
        ]
    )


def seconds_table(rounds: Sequence[Round]) -> list[str]:
    """Lay out the seconds of everything."""
    values = {key: [r[key] for r in rounds] for key in ROWS}
    return [
        "| seconds | min | median | max |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {min(values[key]):.3f} | {median(values[key]):.3f} "
            f"| {max(values[key]):.3f} |"
            for key, name in ROWS.items()
        ),
    ]


def ratios_table(rounds: Sequence[Round]) -> list[str]:
    """Lay out the comparisons."""
    lines = [
        "| times as long | median over rounds | ratio of minima | wanted |",
        "|---|---:|---:|---|",
    ]
    for comparison in COMPARISONS:
        above, below = ([r[key] for r in rounds] for key in (comparison.above, comparison.below))
        middle = median(a / b for a, b in zip(above, below, strict=True))
        lines.append(
            f"| {comparison.name} | {middle:.2f} | {min(above) / min(below):.2f} "
            f"| {comparison.wanted} |"
        )
    return lines


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
