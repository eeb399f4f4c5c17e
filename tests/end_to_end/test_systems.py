"""What only POSIX systems have is not needed: taken away, everything imports and the job runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Windows has none of these; modules that know of Windows by themselves are loaded before.
TAKE_AWAY = """
import asyncio, concurrent.futures, multiprocessing, os, signal, sys, subprocess, tempfile
import multiprocessing.context, multiprocessing.pool, concurrent.futures.process
import lightning.pytorch.trainer.connectors.signal_connector as signal_connector
import torchvision, sklearn.datasets, matplotlib.pyplot, platformdirs, click

for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("fork", "killpg", "getpgid", "setsid", "getuid", "geteuid", "sched_getaffinity"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGCHLD"):
    delattr(signal, name)
signal_connector._IS_WINDOWS = True  # Lightning's own guard
signal.valid_signals = lambda valid=signal.valid_signals(): valid - {9, 19}
multiprocessing.get_all_start_methods = lambda: ["spawn"]


def get_context(method=None, before=multiprocessing.get_context):
    if method in ("fork", "forkserver"):
        raise ValueError(f"cannot find context for {method!r}")
    return before(method or "spawn")


multiprocessing.get_context = get_context
for name in [name for name in sys.modules if name.startswith("filelock")]:
    del sys.modules[name]
sys.platform = "win32-like"
"""

IMPORT_ALL = """
import importlib, pkgutil, mlp_lab
for module in pkgutil.walk_packages(mlp_lab.__path__, "mlp_lab."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""

RUN = """
from mlp_lab.cli.main import main
import sys
sys.exit(main(sys.argv[1:]))
"""


def without_posix(code: str, *words: str, cwd: Path) -> str:
    command = [sys.executable, "-c", f"{TAKE_AWAY}\n{code}", *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_module_imports(tmp_path: Path) -> None:
    without_posix(IMPORT_ALL, cwd=tmp_path)


@pytest.mark.slow
def test_the_main_job_runs_and_goes_on(tmp_path: Path) -> None:
    out = without_posix(RUN, "fit", "--config=configs/quickstart.yaml", cwd=tmp_path)
    assert out.endswith("run: runs/quickstart/version_0\n")
    run_dir = "runs/quickstart/version_0"
    more = ["--trainer.max_epochs=31", "--figures=false"]
    assert "epoch 31/31" in without_posix(RUN, "fit", f"--run_dir={run_dir}", *more, cwd=tmp_path)
    out = without_posix(RUN, "report", "runs", cwd=tmp_path)
    assert "quickstart" in out


@pytest.mark.slow
def test_images_are_decoded_in_threads(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (600, 6, 6), np.uint8)
    for number, image in enumerate(pixels):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    words = ["--data.source=ImageFolder", "--data.source.path=photos", "--trainer.max_epochs=1"]
    few = ["--figures=false", "--onnx=false"]
    out = without_posix(RUN, "fit", *words, *few, cwd=tmp_path)
    assert "420 train, 60 val, 120 test" in out


@pytest.mark.slow
def test_a_sweep_runs_in_processes(tmp_path: Path) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=1", "--seeds=0,1", "--jobs=2"]
    code = f"if __name__ == '__main__':\n    {RUN.strip().replace(chr(10), chr(10) + '    ')}"
    out = without_posix(code, "sweep", *words, "--experiment=lab", cwd=tmp_path)
    assert "2/2" in out
