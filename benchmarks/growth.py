"""Draw how the time of an epoch grows with width, depth, batch size and number of samples.

    .venv/bin/python benchmarks/growth.py

Ours stands beside the hand-written loop, on random bytes in the form of MNIST; both take turns,
each in a fresh process.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import NUM_CORES, epochs_of, fit_command, run, use_cores
from matplotlib.figure import Figure
from mnist_files import write_random_mnist

from mlp_lab.plots import write_figure

HERE = Path(__file__).parent
NUM_EPOCHS = 3  # that count


@dataclass(frozen=True)
class Work:
    """What is trained in an epoch."""

    width: int = 200
    depth: int = 1
    batch_size: int = 128
    samples: int = 60_000


GROWTH = {
    "width": (32, 128, 512, 2_048),
    "depth": (1, 2, 4, 8),
    "batch_size": (16, 64, 256, 1_024),
    "samples": (3_750, 15_000, 60_000),
}
TITLES = {
    "width": "neurons of the hidden layer",
    "depth": "hidden layers of 200",
    "batch_size": "batch size",
    "samples": "training images",
}


def main() -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds, 5 minutes each")
    rounds: int = parser.parse_args().rounds
    use_cores(NUM_CORES)
    works = {
        (name, n): replace(Work(), **{name: n}) for name, all_n in GROWTH.items() for n in all_n
    }
    found: dict[tuple[str, int], list[tuple[float, float]]] = {key: [] for key in works}
    with tempfile.TemporaryDirectory() as temporary_dir:
        for _ in range(rounds):
            for (name, value), work in works.items():
                ours, by_hand = time_both(work, Path(temporary_dir))
                found[name, value].append((ours, by_hand))
                print(f"{name} {value:,}: ours {ours:.3f} s, by hand {by_hand:.3f} s", flush=True)
    # Two threads have a quick and a slow way to share the cores, a process at a time.
    least = {key: tuple(map(min, zip(*both, strict=True))) for key, both in found.items()}
    seconds = {name: [least[name, value] for value in values] for name, values in GROWTH.items()}
    write_figure(draw(seconds), HERE.parent / "docs" / "figures" / "growth.png")


def time_both(work: Work, temporary_dir: Path) -> tuple[float, float]:
    """Return the median seconds of an epoch's training part: ours, and by hand."""
    data_root = temporary_dir / str(work.samples)
    if not data_root.exists():
        write_random_mnist(data_root, train=work.samples)
    hidden = [work.width] * work.depth
    words = (
        "--data.validate_on=test",
        f"--model.net.hidden_dims={hidden}",
        f"--data.batch_size={work.batch_size}",
    )
    ours = epochs_of(fit_command(data_root, temporary_dir / "runs", *words), NUM_EPOCHS)["train"]
    settings = json.dumps({"hidden_dims": hidden, "batch_size": work.batch_size})
    script = [sys.executable, str(HERE / "contestants.py"), "hand_written"]
    output = run([*script, str(data_root), str(1 + NUM_EPOCHS), settings]).stdout
    return ours, median(json.loads(output)["train"])


def draw(seconds: Mapping[str, Sequence[tuple[float, ...]]]) -> Figure:
    """Draw a pair of axes for each of what grows."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(2, 2).flat, GROWTH.items(), strict=True):
        ours, by_hand = zip(*seconds[name], strict=True)
        axes.loglog(values, ours, "o-", label="mlp-lab, everything on")
        axes.loglog(values, by_hand, "s--", label="hand-written loop")
        axes.set_xticks(values, [f"{value:,}" for value in values], minor=False)
        axes.set_xticks([], minor=True)
        axes.set(xlabel=TITLES[name], ylabel="seconds an epoch", ylim=(0.02, 20))
        axes.grid(visible=True, alpha=0.3)
    figure.axes[0].legend(loc="upper left")
    figure.suptitle("An epoch of 784-200-10, batches of 128, 60,000 images, unless said otherwise")
    return figure


if __name__ == "__main__":
    main()
