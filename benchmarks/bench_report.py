"""What bench.py measured, in Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from mnist_files import DATASET_BYTES, NUM_SAMPLES

# Seconds by what was timed.
Round = Mapping[str, float]

ALLOWED_EXTRA_BYTES = 200_000_000


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
    "fit": "`fit`, 10 epochs, figures, export and report: the whole process",
    "after": "the same, from the last epoch to the prompt",
    "script": "hand-written script, 10 epochs: the whole process",
    "quickstart": "`fit --config configs/quickstart.yaml`: the whole process",
    "first_step": "`fit`, from its start to the first step",
    "help": "`mlp-lab --help` (wanted: under 0.5)",
    "import": "`import lightning.pytorch.cli`",
    "ours": "ours, training part",
    "ours_whole": "ours, with validation and checkpoints",
    "single_steps": "ours with `steps_per_execution: 1`, training part",
    "single_steps_whole": "the same with validation and checkpoints",
    "clipped": "ours with `trainer.gradient_clip_val: 1`, training part",
    "clipped_whole": "the same with validation and checkpoints",
    "hand_written": "hand-written loop",
    "hand_clipped": "hand-written loop that clips",
    "jax": "JAX, a compiled step in a hand-written loop",
    "keras_jax": "Keras 3 on JAX",
    "keras_torch": "Keras 3 on PyTorch",
    "scikit_learn": "scikit-learn's MLPClassifier, float64",
    "scikit_learn_float32": "scikit-learn's MLPClassifier, float32",
    "stock": "stock Lightning",
    "loading": "our batches alone",
    "index": "bare index operations alone",
    "digits": "digits on a quiet machine, with validation and checkpoints",
    "busy": "digits beside a process on each core",
    "busy_one_thread": "the same with OMP_NUM_THREADS=1",
}

COMPARISONS = (
    Comparison("`fit` / hand-written script, whole processes", "fit", "script", "at most 1.8"),
    Comparison("quickstart, whole process / import", "quickstart", "import", "at most 2.0"),
    Comparison("`fit` to its first step / import", "first_step", "import", "at most 1.15"),
    Comparison("ours / hand-written loop", "ours", "hand_written", "at most 1.15"),
    Comparison(
        "ours, clipping / hand-written loop that clips", "clipped", "hand_clipped", "at most 1.3"
    ),
    Comparison(
        "ours with `steps_per_execution: 1` / hand-written loop",
        "single_steps",
        "hand_written",
        "at most 1.6",
    ),
    Comparison(
        "busy machine: digits / the same with OMP_NUM_THREADS=1",
        "busy",
        "busy_one_thread",
        "at most 1.1",
    ),
    Comparison("Keras 3 on JAX / ours", "keras_jax", "ours", ""),
    Comparison("Keras 3 on PyTorch / ours", "keras_torch", "ours", ""),
    Comparison("JAX alone / ours", "jax", "ours", ""),
    Comparison("scikit-learn, float64 / ours", "scikit_learn", "ours", "at least 1.5"),
    Comparison("scikit-learn, float32 / ours", "scikit_learn_float32", "ours", "at least 1.5"),
    Comparison("stock Lightning / ours", "stock", "ours", "at least 5"),
    Comparison("our batches / bare index operations", "loading", "index", "at most 2.5"),
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


def report(
    rounds: Sequence[Round], num_epochs: Mapping[str, int], memory: PeakMemory, *, has_mnist: bool
) -> str:
    """Say everything in Markdown."""
    return "\n".join(
        [
            "# The baseline, side by side",
            "",
            f"`python benchmarks/bench.py --pairs {len(rounds)}`, {datetime.now(UTC):%Y-%m-%d}; "
            f"{cpu_model()}, {num_cores()} threads; Python {platform.python_version()}, "
            f"torch {version('torch')}, Lightning {version('lightning')}, "
            f"scikit-learn {version('scikit-learn')}, Keras {version('keras')}, "
            f"JAX {version('jax')}.",
            "",
            f"{'MNIST' if has_mnist else 'Random bytes in the size of MNIST'}, "
            f"{NUM_SAMPLES['train']:,} training images; an MLP 784-200-10 with ReLU, batches of "
            "128, Adam at 0.001. In each round all take turns, each in a fresh process; of the "
            "epochs the first does not count, and the median of the others does "
            f"({', '.join(f'{name} {count}' for name, count in num_epochs.items())}).",
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
            "validates nor logs. The hand-written script is the same with a test after each epoch "
            "and the weights as a file at the end (`benchmarks/hand_written.py`).",
            "- **JAX** and **Keras** are written as their users would (`benchmarks/rivals.py`): a "
            "jitted step with Adam over bytes in memory; `Model.fit` on inputs normalised "
            "beforehand, with accuracy. What they compile in the first epoch does not count.",
            "- **Busy** is a process on each core that does nothing but count, as niced as the "
            "training.",
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
        "`fit`, 10 epochs, figures and export included": memory.fit,
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


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
