"""Time the baseline against what one would write instead.

    .venv/bin/python benchmarks/bench.py --data-root data

The contestants take turns, round after round, each in a fresh process and never two at a time; what
disturbs the machine then disturbs all of them alike, and the ratios of a round stay meaningful.
This process imports no torch: its own memory would count in the peak of those that it starts.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

NUM_CORES = 2
HERE = Path(__file__).parent

# Epochs that count in a round, in the order of their turns; before them each contestant runs one
# that does not. A hand-written loop stands beside those that are compared with it.
NUM_EPOCHS = {
    "ours": 5,
    "hand_written": 5,
    "single_steps": 5,
    "clipped": 5,
    "hand_clipped": 5,
    "jax": 5,
    "keras_jax": 3,
    "keras_torch": 1,
    "loading": 5,
    "scikit_learn": 2,
    "scikit_learn_float32": 2,
    "stock": 1,
}
# What is typed behind the baseline's command.
OURS = {
    "ours": (),
    "single_steps": ("--data.steps_per_execution=1",),
    "clipped": ("--trainer.gradient_clip_val=1",),
}
RIVALS = ("jax", "keras_jax", "keras_torch")
BUSY_EPOCHS = 10  # of the digits net, after the first

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
            fit=peak_bytes(fit_command(data_root, Path(temporary_dir))),
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


def contestant_command(name: str, data_root: Path, num_epochs: int) -> list[str]:
    """Return the command that runs a contestant."""
    script = HERE / ("rivals.py" if name in RIVALS else "contestants.py")
    return [sys.executable, str(script), name, str(data_root), str(num_epochs)]


def fit_command(data_root: Path, runs_dir: Path, *words: str) -> list[str]:
    """Return the command of a fit of the baseline on MNIST."""
    return [
        *(sys.executable, "-m", "mlp_lab", "fit"),
        *("--config", str(HERE.parent / "configs" / "base.yaml")),
        "--data.source=mlp_lab.data.MNIST",
        f"--data.root={data_root}",
        *surroundings(runs_dir),
        *words,
    ]


def quickstart_command(runs_dir: Path, *words: str) -> list[str]:
    """Return the command of the quickstart."""
    config = HERE.parent / "configs" / "quickstart.yaml"
    command = [sys.executable, "-m", "mlp_lab", "fit", "--config", str(config)]
    return [*command, *surroundings(runs_dir), *words]


def surroundings(runs_dir: Path) -> list[str]:
    """Return what every fit here gets."""
    return [f"--runs_dir={runs_dir}", "--trainer.accelerator=cpu"]


def epochs_of(command: Sequence[str], num_epochs: int, **variables: str) -> Mapping[str, float]:
    """Return the median seconds of a fit's epochs but the first: ``train``, and the ``whole``."""
    clock = [
        *("--figures=false", "--onnx=false", "--trainer.callbacks+=clocks.EpochClock"),
        f"--trainer.max_epochs={1 + num_epochs}",
    ]
    lines = run([*command, *clock], **variables).stderr.splitlines()
    seconds = json.loads(next(line for line in lines if line.startswith('{"train"')))
    return {part: median(epochs[1:]) for part, epochs in seconds.items()}


@contextlib.contextmanager
def burnt_cores() -> Iterator[None]:
    """Keep a process busy on each core meanwhile."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(num_cores())
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def whole_fit(command: Sequence[str]) -> tuple[float, float]:
    """Return the seconds of a fit of ten epochs, and those after its last epoch."""
    start = last = time.perf_counter()
    # Unbuffered, a line is seen when it is printed.
    variables = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                last = time.perf_counter()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed.")
    end = time.perf_counter()
    return end - start, end - last


def run_round(data_root: Path, temporary_dir: Path) -> Round:
    """Run every contestant once, one after the other."""
    seconds: dict[str, float] = {}
    for name, count in NUM_EPOCHS.items():
        if name in OURS:
            # Validated on the test images, so that all others train, as they do elsewhere.
            words = ("--data.validate_on=test", *OURS[name])
            found = epochs_of(fit_command(data_root, temporary_dir, *words), count)
        else:
            output = run(contestant_command(name, data_root, 1 + count)).stdout
            found = {part: median(epochs) for part, epochs in json.loads(output).items()}
        for part, value in found.items():
            seconds[{"train": name, "whole": f"{name}_whole"}.get(part, part)] = value
    seconds["fit"], seconds["after"] = whole_fit(fit_command(data_root, temporary_dir))
    digits = quickstart_command(temporary_dir)
    seconds["digits"] = epochs_of(digits, BUSY_EPOCHS)["whole"]
    with burnt_cores():
        seconds["busy"] = epochs_of(digits, BUSY_EPOCHS)["whole"]
        alone = epochs_of(digits, BUSY_EPOCHS, OMP_NUM_THREADS="1")
        seconds["busy_one_thread"] = alone["whole"]
    leave = "--trainer.callbacks+=clocks.ExitAtFirstStep"
    script = HERE / "hand_written.py"
    for key, command in (
        ("script", [sys.executable, str(script), str(data_root), str(temporary_dir / "net.pt")]),
        ("quickstart", digits),
        ("first_step", fit_command(data_root, temporary_dir, leave)),
        ("help", [sys.executable, "-m", "mlp_lab", "--help"]),
        ("import", IMPORT_COMMAND),
    ):
        start = time.perf_counter()
        run(command)
        seconds[key] = time.perf_counter() - start
    return seconds


def run(command: Sequence[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), **variables}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done


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
            f"scikit-learn {version('scikit-learn')}, Keras {version('keras')}, "
            f"JAX {version('jax')}.",
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


if __name__ == "__main__":
    main()
