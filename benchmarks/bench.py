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
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench_report import PeakMemory, Round, num_cores, report
from mnist_files import has_full_mnist, write_random_mnist

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

IMPORT_COMMAND = [sys.executable, "-c", "import lightning.pytorch.cli, os; os._exit(0)"]


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
    text = report(rounds, NUM_EPOCHS, memory, has_mnist=has_mnist)
    print(f"\n{text}", end="")
    arguments.out.write_text(text, encoding="utf-8")


def use_cores(count: int) -> None:
    """Leave this process, and all that it starts, ``count`` cores where there are more."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


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


if __name__ == "__main__":
    main()
