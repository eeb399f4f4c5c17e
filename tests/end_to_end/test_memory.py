"""A set that is larger than the memory a training takes for itself."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.processes import CONTEXT

NUM, SIDE = 16_000, 64  # 197 MB of pixels
LIMIT = 60_000_000

SETTINGS = [
    *("--trainer.max_epochs=1", "--model.net.hidden_dims=[4]", "--data.batch_size=64"),
    "--figures=false",
    "--onnx=false",
]

STATUS = Path("/proc/self/status")


def memory_of_its_own() -> int:
    """Return the bytes that no file backs; mapped pages go back when others need them."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def run_and_watch(words: list[str], cwd: Path) -> None:
    """Run a command, and write how much its memory grew at most."""
    from mlp_lab.cli.main import main

    os.chdir(cwd)
    torch.set_num_threads(1)
    sys.argv = ["mlp-lab", "fit", "--data.source=Digits", *SETTINGS]
    main()  # what any training takes once, such as modules
    before = peak = memory_of_its_own()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, memory_of_its_own())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    sys.argv = ["mlp-lab", *words]
    code = main()
    done.set()
    watcher.join()
    Path("grown.txt").write_text(str(peak - before))
    sys.exit(code)


@pytest.mark.skipif(not STATUS.exists(), reason="asks Linux")
@pytest.mark.slow
def test_a_mapped_set_trains_in_flat_memory(tmp_path: Path) -> None:
    labels = torch.arange(NUM) % 2
    images = torch.zeros(NUM, 3, SIDE, SIDE, dtype=torch.uint8)
    images[:, 0] = labels[:, None, None] * 200
    torch.save({"x": images, "y": labels}, tmp_path / "large.pt")
    words = ["fit", "--data.source=TensorFile", "--data.source.path=large.pt", *SETTINGS]
    process = CONTEXT.Process(target=run_and_watch, args=(words, tmp_path))
    process.start()
    process.join(100)
    assert process.exitcode == 0
    grown = int((tmp_path / "grown.txt").read_text())
    assert grown < LIMIT < images.nbytes / 3, f"{grown:,} bytes"
