"""What single settings promise: early stopping, the profiler, torch.compile."""

from pathlib import Path
from typing import Any

import pytest

from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import QUICK, CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.training import assert_same_training, callbacks

DIGITS = ["--data.source=Digits", *QUICK]


def test_early_stopping_gives_its_reason(mlp_lab: CommandLine) -> None:
    stop = callbacks(EarlyStopping={"monitor": "val/acc", "mode": "max", "patience": 1})
    still = ["--model.net.init=zeros", "--model.net.bias=false"]
    outcome = mlp_lab("fit", *DIGITS, stop, *still)
    assert outcome.code == 0, outcome.err
    line = next(line for line in outcome.out.splitlines() if line.startswith("stopped"))
    assert line.startswith("stopped early after epoch 2: Monitored metric val/acc did not impr")
    assert line.endswith("Best score: 0.100.")
    assert read_metrics(outcome.run_dir)["epochs"] == 2
    rows = (outcome.run_dir / "metrics.csv").read_bytes()
    resumed = mlp_lab("fit", f"--run_dir={outcome.run_dir}")
    assert resumed.code == 0, resumed.err
    assert read_metrics(outcome.run_dir)["epochs"] == 2
    assert (outcome.run_dir / "metrics.csv").read_bytes() == rows


def test_a_checkpoint_callback_of_ones_own_is_for_training_alone(mlp_lab: CommandLine) -> None:
    own = callbacks(ModelCheckpoint={"filename": "mine"})
    outcome = mlp_lab("fit", *DIGITS, own, "--trainer.max_epochs=1")
    assert outcome.code == 0, outcome.err
    assert mlp_lab("test", f"--run_dir={outcome.run_dir}").code == 0


def test_a_null_seed_is_one_sentence(mlp_lab: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "null.yaml").write_text("seed_everything: null\n")
    outcome = mlp_lab("fit", *DIGITS, "--config=null.yaml")
    assert outcome.code == 2
    assert "seed_everything is null; give a number" in outcome.err


def test_a_profile_lies_in_the_run(mlp_lab: CommandLine) -> None:
    preset = Path(__file__).parent.parent.parent / "configs" / "preset" / "profile.yaml"
    outcome = mlp_lab("fit", *DIGITS, f"--config={preset}")
    assert outcome.code == 0, outcome.err
    assert "run_training_batch" in (outcome.run_dir / "fit-profile.txt").read_text()


def test_compiled_on_request_with_plain_checkpoints(
    mlp_lab: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def compile_nothing(function: Any, *, mode: str) -> Any:
        modes.append(mode)
        return function

    monkeypatch.setattr("torch.compile", compile_nothing)
    compiled = mlp_lab("fit", *DIGITS, "--model.compile_mode=reduce-overhead").run_dir
    plain = mlp_lab("fit", *DIGITS).run_dir
    assert modes == ["reduce-overhead"]
    assert_same_training(plain, compiled)


@pytest.mark.slow
def test_compiled_for_real(mlp_lab: CommandLine) -> None:
    words = ["fit", *DIGITS, "--model.net.dropout=0.2", "--model.net.batch_norm=before"]
    compiled = mlp_lab(*words, "--model.compile_mode=default")
    assert compiled.code == 0, compiled.err
    plain = mlp_lab(*words).run_dir
    keys, others = (
        read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"].keys()
        for run in (compiled.run_dir, plain)
    )
    assert keys == others
    assert read_metrics(compiled.run_dir)["test/acc"] > 0.85
    again = mlp_lab("test", f"--run_dir={compiled.run_dir}", "--out=again")
    assert again.code == 0, again.err
    scores = [read_metrics(path) for path in (compiled.run_dir, Path("again"))]
    assert scores[0]["test/acc"] == pytest.approx(scores[1]["test/acc"], abs=0.003)
