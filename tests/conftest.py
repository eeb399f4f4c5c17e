"""What every test stands on: fake data on disk, one thread, no network, no leaked settings.

Torch and Lightning are imported by fixtures: the process that hands out tests needs neither.
"""

import functools
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.cli.main import main
from mlp_lab.files.sha256 import hash_file
from mlp_lab.runs.run import Run

MARKS = {"figures": "figures", "onnx": "export"}
QUICK = ["--trainer.max_epochs=3", "--data.batch_size=16"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small nets are quickest on one thread, and results do not depend on the machine's cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Leave it to the system when files reach the disk: no test cuts the power."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave what is known of the user's own runs alone."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse the network, but for loopback; forget the seed that a test left."""
    connect = socket.socket.connect

    def connect_locally(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"a test must not reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    yield
    os.environ.pop("PL_GLOBAL_SEED", None)
    os.environ.pop("PL_SEED_WORKERS", None)


@pytest.fixture(scope="session")
def _one_registry() -> Iterator[None]:
    """Let torch collect its ONNX operators once, and not at each export, for a second each time."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as monkeypatch:
        collect = functools.cache(ONNXRegistry.from_torchlib)
        monkeypatch.setattr(ONNXRegistry, "from_torchlib", staticmethod(collect))
        yield


@pytest.fixture(scope="session")
def fake_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data root with a tiny form of every data set that is downloaded otherwise."""
    from tests.helpers.fake_data import write_cifar, write_idx_set

    root = tmp_path_factory.mktemp("data")
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        write_idx_set(root, name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("CIFAR10", "CIFAR100"):
            write_cifar(root, name, monkeypatch)
        yield root


@dataclass
class Outcome:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.out.strip().splitlines()[-1]

    @property
    def run_dir(self) -> Path:
        """The run that the last line names."""
        return Path(self.last_line.removeprefix("run: "))


CommandLine = Callable[..., Outcome]


@pytest.fixture
def mlp_lab(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> CommandLine:
    """Run ``mlp-lab`` in this process, in an empty directory.

    A new run draws and exports nothing, which would take most of its time, but where a test is
    marked ``figures`` or ``export``.
    """
    monkeypatch.chdir(tmp_path)
    flags = [
        f"--{name}=false" for name in ("figures", "onnx") if MARKS[name] not in request.keywords
    ]

    def run(*words: object) -> Outcome:
        typed = [*map(str, words)]
        if "export" in request.keywords or typed[:1] == ["export"]:
            request.getfixturevalue("_one_registry")
        if typed[:1] == ["fit"] and typed[1:] and "--run_dir" not in " ".join(typed):
            typed += flags
        monkeypatch.setattr("sys.argv", ["mlp-lab", *typed])
        code = main()
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory, _one_registry: None) -> Path:
    """A finished run on the digits, to be read and copied, never written to."""
    runs_dir = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as monkeypatch:
        words = ["fit", "--data.source=Digits", f"--runs_dir={runs_dir}", *QUICK]
        monkeypatch.setattr("sys.argv", ["mlp-lab", *words])
        assert main() == 0
    return runs_dir / "base" / "version_0"


@pytest.fixture
def own_run(digits_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may write to, at another place; it draws no more."""
    run = Run(shutil.copytree(digits_run, tmp_path / "moved" / "base" / "version_0"))
    config = run.config_path.read_text()
    for name in MARKS:
        config = config.replace(f"{name}: true", f"{name}: false")
    run.config_path.write_text(config)
    run.update_manifest(config_sha256=hash_file(run.config_path))
    return run.dir
