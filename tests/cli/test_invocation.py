import json
from pathlib import Path

import pytest

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.errors import ConfigError
from mlp_lab.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path, "base", "{}\n", {})
    run.config_path.write_text("data:\n  batch_size: 8\n")
    run.checkpoints_dir.mkdir()
    run.best_checkpoint.write_bytes(b"best")
    run.last_checkpoint.write_bytes(b"last")
    run.end("finished")
    return run


@pytest.fixture(autouse=True)
def _configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("seed_everything: 1")


def test_flags_come_after_configs_wherever_they_stand() -> None:
    words = ["--data.batch_size=3", "--config", "a.yaml", "-c", "b.yaml"]
    invocation = read_invocation("fit", words)
    assert invocation.arguments == [*("--config", "a.yaml", "--config", "b.yaml"), words[0]]
    assert invocation.summary == "settings: a.yaml, b.yaml; typed: --data.batch_size=3"
    assert invocation.is_typed("data.batch_size")
    assert not invocation.is_typed("data.batch")


def test_a_checkpoint_brings_its_runs_configuration(run: Run) -> None:
    invocation = read_invocation("test", [f"--ckpt_path={run.best_checkpoint}", "--out=x"])
    assert (invocation.origin.run, invocation.origin.checkpoint) == (run, run.best_checkpoint)
    assert invocation.arguments == ["--config", '{"data": {"batch_size": 8}}', "--out=x"]
    assert (
        invocation.summary
        == f"settings: {run.config_path}; typed: --out=x; checkpoint: {run.best_checkpoint}"
    )


def test_a_typed_config_replaces_the_runs_wholly(run: Run) -> None:
    invocation = read_invocation("test", ["--run_dir", str(run.dir), "--config", "a.yaml"])
    assert invocation.arguments == ["--config", "a.yaml"]
    assert invocation.origin.checkpoint == run.best_checkpoint


def test_a_run_means_best_for_all_but_fit(run: Run) -> None:
    words = ["--run_dir", str(run.dir)]
    assert read_invocation("predict", words).origin.checkpoint == run.best_checkpoint
    assert (
        read_invocation("test", [*words, "--ckpt_path=last"]).origin.checkpoint
        == run.last_checkpoint
    )
    fit = read_invocation("fit", words)
    assert (fit.origin.checkpoint, fit.origin.resumes) == (run.last_checkpoint, True)
    run.last_checkpoint.unlink()
    assert read_invocation("fit", words).origin.checkpoint is None


def test_neither_means_the_newest_finished_run(run: Run) -> None:
    invocation = read_invocation("test", ["--runs_dir", str(run.dir.parent.parent)])
    assert invocation.origin.checkpoint == run.best_checkpoint
    assert read_invocation("fit", []).origin.checkpoint is None


def test_a_configuration_may_say_where_runs_lie(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"runs_dir: {run.dir.parent.parent}\n")
    invocation = read_invocation("test", ["--config", str(tmp_path / "mine.yaml")])
    assert invocation.origin.checkpoint == run.best_checkpoint


def test_a_run_goes_on_from_its_last_checkpoint_alone(run: Run) -> None:
    with pytest.raises(ConfigError, match="goes on from last"):
        read_invocation("fit", ["--run_dir", str(run.dir), "--ckpt_path", "best"])


def test_a_configuration_that_was_not_typed_may_not_name_any_class(run: Run) -> None:
    config = {"model": {"class_path": "os.system"}}
    run.config_path.write_text(json.dumps(config))
    words = ["--run_dir", str(run.dir)]
    with pytest.raises(ConfigError, match=r"names the class 'os.system' in model, .* add --trust"):
        read_invocation("test", words)
    allowed = {"data": {"source": {"class_path": "mlp_lab.data.KMNIST"}, "root": "photos"}}
    run.config_path.write_text(json.dumps(allowed))
    assert read_invocation("test", words).origin.config == allowed
    assert not read_invocation("test", words).origin.trusted
    # A typed configuration replaces it, and is the user's own.
    typed = read_invocation("test", [*words, "--config=a.yaml"])
    assert typed.arguments == ["--config", "a.yaml"]
    assert typed.origin.trusted


def test_a_damaged_configuration_is_named(run: Run) -> None:
    for text, message in (
        ("data: [", r"config.yaml' is no YAML, line 2, column 1"),
        ("", r"config.yaml' holds no settings"),
        ("- data", r"config.yaml' holds no settings"),
        ("run_dir: x", r"config.yaml' sets run_dir; that is typed as --run_dir"),
    ):
        run.config_path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_invocation("test", ["--run_dir", str(run.dir)])
