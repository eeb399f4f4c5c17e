"""Time a run's model: ONNX against eager PyTorch, and infer against decoding alone.

    .venv/bin/python benchmarks/inference_bench.py runs/base/version_0 --image-folder FOLDER

Each contestant runs in this process after the other, round after round; medians are printed.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from data_bench import compare

from mlp_lab.images import images_below, stream_images
from mlp_lab.inference import Predictor
from mlp_lab.runs.run import Run

BATCH_SIZE = 256
SMALL_FOR = 500  # calls that are timed together, since one takes microseconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="a run with model.onnx")
    parser.add_argument("--image-folder", type=Path, required=True, help="images, 10,000 say")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    run = Run(arguments.run)
    onnx, eager = Predictor(run.model_path), Predictor(run.best_checkpoint)
    for batch_size, calls in ((1, SMALL_FOR), (1024, 10)):
        shape = (batch_size, *onnx.info.input_shape)
        inputs = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        print(f"batch {batch_size}, {calls} calls:")
        compare(
            {
                "onnxruntime": partial(repeat, onnx, inputs, calls),
                "eager PyTorch": partial(repeat, eager, inputs, calls),
            },
            arguments.rounds,
        )
    folder: Path = arguments.image_folder
    files = images_below(folder)
    channels, height, width = onnx.info.input_shape
    print(f"{len(files):,} images:")

    def decode() -> None:
        for _ in stream_images(images_below(folder), (channels, height, width), BATCH_SIZE):
            pass

    def infer() -> None:
        for _ in onnx.predict_files(folder, BATCH_SIZE):
            pass

    compare({"listing and decoding alone": decode, "infer": infer}, arguments.rounds)
    print("from its start:")
    start_up(run.model_path, files[0], arguments.rounds)


def repeat(predictor: Predictor, inputs: np.ndarray, calls: int) -> None:
    """Predict so many times."""
    for _ in range(calls):
        predictor.forward(inputs)


def start_up(model: Path, image: Path, rounds: int) -> None:
    """Time a whole ``mlp-lab infer`` of one image against what it cannot do without."""
    infer = [sys.executable, "-m", "mlp_lab", "infer", str(model), str(image)]
    bare = [sys.executable, "-c", "import onnxruntime"]
    compare({"mlp-lab infer, one image": call(infer), "import onnxruntime": call(bare)}, rounds)


def call(command: list[str]) -> Callable[[], None]:
    """Return what runs a command to its end."""

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return run


if __name__ == "__main__":
    main()
