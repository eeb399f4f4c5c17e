"""A run is finished when all its results are there, and not before."""

import errno
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import MLPLabWarning
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifest, read_metrics

FIT = ["fit", "--data.source=Moons", "--trainer.max_epochs=1"]


@contextmanager
def full_after_training(*kept: str) -> Iterator[None]:
    """Let no file be written once a run is trained, but those of these names."""
    replace = Path.replace
    is_full = False

    def fill(self: Path, target: Path) -> Any:
        nonlocal is_full
        if is_full and Path(target).name not in kept:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        is_full |= b'"incomplete"' in self.read_bytes()
        return replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", fill)
        yield


def contents(run_dir: Path) -> dict[str, bytes]:
    files = [path for path in run_dir.rglob("*") if path.is_file()]
    return {path.relative_to(run_dir).as_posix(): path.read_bytes() for path in files}


@pytest.mark.figures
@pytest.mark.export
@pytest.mark.filterwarnings("ignore:.*could not be written. No space left")
def test_what_a_full_disk_left_out_is_made_up(mlp_lab: CommandLine) -> None:
    with full_after_training("manifest.json"):
        outcome = mlp_lab(*FIT)
    run_dir = Path("runs/base/version_0")
    assert outcome.code == 1
    assert "mlp-lab: error: metrics.json, mistakes.csv, model.onnx, plots/acc.png, " in outcome.err
    last = "report.html, test_outputs.npz, test_samples.npz are missing in 'runs/base/version_0'"
    assert last in outcome.err
    assert outcome.err.endswith(
        "No space left on device. Mend that, then: mlp-lab fit --run_dir runs/base/version_0\n"
    )
    assert read_manifest(run_dir)["status"] == "incomplete"
    assert "model.onnx" in read_manifest(run_dir)["missing"]
    made = mlp_lab("report", run_dir)
    assert f"some of its results are missing: mlp-lab fit --run_dir {run_dir} makes" in made.out

    weights = (run_dir / "checkpoints" / "last.ckpt").read_bytes()
    assert mlp_lab("fit", f"--run_dir={run_dir}").code == 0
    assert read_manifest(run_dir)["status"] == "finished"
    assert read_manifest(run_dir)["missing"] == []
    assert {"metrics.json", "model.onnx", "report.html"} < {*read_manifest(run_dir)["results"]}
    assert all((run_dir / name).is_file() for name in read_manifest(run_dir)["results"])
    assert (run_dir / "checkpoints" / "last.ckpt").read_bytes() == weights

    seconds = read_metrics(run_dir)["seconds"]
    gone = [run_dir / "plots" / f"{name}.png" for name in ("confusion_before", "roc")]
    for path in gone:
        path.unlink()
    assert mlp_lab("fit", f"--run_dir={run_dir}", "--onnx=false").code == 0
    assert all(path.is_file() for path in gone)
    assert read_metrics(run_dir)["seconds"] == seconds


def test_a_disk_that_takes_nothing_leaves_no_run_finished(mlp_lab: CommandLine) -> None:
    with full_after_training():
        outcome = mlp_lab(*FIT, "--figures=false", "--onnx=false")
    assert outcome.code == 1
    assert read_manifest(Path("runs/base/version_0"))["status"] == "incomplete"
    assert "manifest.json' could not be written: No space left on device." in outcome.err


@pytest.mark.export
@pytest.mark.filterwarnings("ignore:.*could not be written. No space left")
def test_a_report_of_a_run_that_lacks_something_says_so(mlp_lab: CommandLine) -> None:
    kept = (
        *("manifest.json", "metrics.json", "report.html"),
        *("test_outputs.npz", "test_samples.npz"),
    )
    with full_after_training(*kept):
        outcome = mlp_lab(*FIT, "--figures=false")
    assert "mistakes.csv, model.onnx are missing in 'runs/base/version_0': " in outcome.err
    page = Path("runs/base/version_0/report.html").read_text()
    assert "The run was trained, and some of its results are missing" in page


class TestFinished:
    def test_a_run_that_lacks_nothing_is_left_alone(self, own_run: Path) -> None:
        """It is reported without torch, which takes seconds to load."""
        before = contents(own_run)
        code = "import sys; sys.modules['torch'] = None; from mlp_lab.cli import main; main.main()"
        words = ["fit", "--run_dir", str(own_run)]
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "finished before, with all its results; to train on, add --tra" in done.stdout
        assert done.stdout.endswith(f"run: {own_run}\n")
        assert contents(own_run) == before

    @pytest.mark.parametrize("name", ["metrics.json", "report.html", "manifest.json"])
    def test_one_that_lacks_something_is_not(
        self, mlp_lab: CommandLine, own_run: Path, name: str
    ) -> None:
        (own_run / name).unlink()
        outcome = mlp_lab("fit", f"--run_dir={own_run}")
        assert outcome.code == 0
        assert "finished before" not in outcome.out
        assert (own_run / name).is_file()
        assert read_manifest(own_run)["status"] == "finished"

    def test_what_cannot_be_written_again_is_a_warning(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        (own_run / "metrics.json").unlink()
        (own_run / "checkpoints" / "best.ckpt").unlink()
        with pytest.warns(MLPLabWarning, match=r"checkpoints/best.ckpt of .* cannot be written ag"):
            assert mlp_lab("fit", f"--run_dir={own_run}").code == 0
        assert "finished before" in mlp_lab("fit", f"--run_dir={own_run}").out

    @pytest.mark.parametrize("results", [None, 5, ["metrics.json", 5], ["../../../other"]])
    def test_a_damaged_account_is_kept_anew(
        self, mlp_lab: CommandLine, own_run: Path, results: Any
    ) -> None:
        manifest = read_manifest(own_run) | {"results": results}
        (own_run / "manifest.json").write_text(json.dumps(manifest))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MLPLabWarning)
            assert mlp_lab("fit", f"--run_dir={own_run}").code == 0
        assert "metrics.json" in read_manifest(own_run)["results"]

    def test_an_overfit_check_is_never_gone_on_with(self, mlp_lab: CommandLine) -> None:
        mlp_lab(*FIT, "--trainer.overfit_batches=1")
        outcome = mlp_lab("fit", "--run_dir=runs/base/version_0")
        assert "is of an overfit check, which is not resumed" in outcome.err
        words = ["--trainer.overfit_batches=0", "--trainer.max_epochs=2"]
        last = "runs/base/version_0/checkpoints/last.ckpt"
        assert mlp_lab(*FIT, f"--ckpt_path={last}", *words).code == 0

    def test_one_with_more_epochs_in_its_configuration_trains_on(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        config = own_run / "config.yaml"
        config.write_text(config.read_text().replace("max_epochs: 3", "max_epochs: 4"))
        assert "epoch 4/4" in mlp_lab("fit", f"--run_dir={own_run}").out

    def test_a_run_of_version_0_1_kept_no_account(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        config = (own_run / "config.yaml").read_text().replace("onnx: false", "onnx: true")
        (own_run / "config.yaml").write_text(config)
        manifest = read_manifest(own_run)
        for key in ("results", "missing", "config_sha256"):
            del manifest[key]
        (own_run / "manifest.json").write_text(json.dumps(manifest))
        (own_run / "model.onnx").touch()
        (own_run / "plots").mkdir(exist_ok=True)
        shutil.copy(own_run / "metrics.json", own_run / "plots" / "acc.png")
        assert "finished before" in mlp_lab("fit", f"--run_dir={own_run}").out
        (own_run / "config.yaml").write_text("a: [1")
        assert "is no YAML" in mlp_lab("fit", f"--run_dir={own_run}").err
        (own_run / "config.yaml").write_text(config)
        (own_run / "model.onnx").unlink()
        assert "finished before" not in mlp_lab("fit", f"--run_dir={own_run}").out
