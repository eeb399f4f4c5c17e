"""What is promised holds on a CUDA device too; `make test-gpu` runs this."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mlp_lab.inference import Predictor
from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifest, read_metrics
from tests.helpers.training import assert_same_training, killed_at_step

ROOT = Path(__file__).parent.parent.parent
DIGITS = ["--data.source=Digits", "--data.batch_size=64", "--trainer.max_epochs=3"]
GPU = ["--trainer.accelerator=gpu", "--trainer.devices=1"]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    yield
    torch.cuda.empty_cache()


@pytest.mark.export
@pytest.mark.figures
def test_base_trains_draws_and_exports(mlp_lab: CommandLine, tmp_path: Path) -> None:
    outcome = mlp_lab("fit", f"--config={ROOT}/configs/base.yaml", *DIGITS, *GPU)
    assert (outcome.code, outcome.err) == (0, "")
    run_dir = tmp_path / outcome.run_dir
    manifest = read_manifest(run_dir)
    assert manifest["device"] == torch.cuda.get_device_name()
    metrics = read_metrics(run_dir)
    assert metrics["test/acc"] > 0.8
    assert {"confusion.png", "roc.png", "loss.png"} <= {p.name for p in run_dir.glob("plots/*")}
    images = torch.zeros(3, 1, 8, 8, dtype=torch.uint8).numpy()
    answers = [
        Predictor(path).predict(images)
        for path in (run_dir / "model.onnx", run_dir / "checkpoints" / "best.ckpt")
    ]
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    # A run of the GPU is tested where there is none.
    again = mlp_lab("test", f"--run_dir={run_dir}", "--trainer.accelerator=cpu", "--out=on_cpu")
    assert again.code == 0
    on_cpu = read_metrics(Path("on_cpu"))
    assert on_cpu["test/loss"] == pytest.approx(metrics["test/loss"], abs=1e-3)


@pytest.mark.parametrize(
    "more", [[], ["--model.net.dropout=0.3", "--trainer.precision=bf16-mixed"]]
)
def test_a_killed_run_goes_on_bit_by_bit(mlp_lab: CommandLine, more: list[str]) -> None:
    words = ["fit", *DIGITS, *GPU, "--trainer.deterministic=true", *more]
    whole = mlp_lab(*words, "--experiment=whole")
    assert whole.code == 0, whole.err
    with killed_at_step(30):
        mlp_lab(*words, "--experiment=killed")
    killed = Path("runs/killed/version_0")
    resumed = mlp_lab("fit", f"--run_dir={killed}")
    assert resumed.code == 0, resumed.err
    assert_same_training(whole.run_dir, killed)


@pytest.mark.parametrize("preset", ["gpu", "gpu_bf16", "gpu_cuda_graphs"])
def test_a_preset_trains(mlp_lab: CommandLine, preset: str) -> None:
    configs = [f"--config={ROOT}/configs/{name}.yaml" for name in ("base", f"preset/{preset}")]
    outcome = mlp_lab("fit", *configs, *DIGITS)
    assert (outcome.code, outcome.err) == (0, "")
    metrics = read_metrics(outcome.run_dir)
    assert metrics["test/acc"] > 0.8
    checkpoint = read_checkpoint(outcome.run_dir / "checkpoints" / "best.ckpt")
    weights = [value for key, value in checkpoint["state_dict"].items() if key.endswith("weight")]
    assert all(weight.dtype == torch.float32 for weight in weights)
