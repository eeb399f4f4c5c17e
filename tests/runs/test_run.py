import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlp_lab.errors import ChecksumError, ConfigError, RunNotFoundError
from mlp_lab.runs.run import Run


def make_run(runs_dir: Path, experiment: str, **manifest: object) -> Run:
    run = Run.create(runs_dir, experiment, "{}\n", {})
    run.config_path.write_text("{}")
    run.update_manifest(**manifest)
    run.checkpoints_dir.mkdir()
    run.best_checkpoint.write_bytes(b"best")
    return run


def test_each_run_gets_the_next_number(tmp_path: Path) -> None:
    names = [Run.create(tmp_path, "base", "{}\n", {}).dir.name for _ in range(3)]
    assert names == ["version_0", "version_1", "version_2"]
    shutil.rmtree(tmp_path / "base" / "version_1")
    assert Run.create(tmp_path, "base", "{}\n", {}).dir.name == "version_3"
    assert Run.create(tmp_path, "other", "{}\n", {}).dir.name == "version_0"


def test_a_run_is_born_with_its_configuration(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "base", "data: 1\n", {"threads": 2})
    assert run.config_path.read_text() == "data: 1\n"
    assert run.read_manifest() == {"threads": 2}
    assert [p.name for p in run.dir.parent.iterdir()] == ["version_0"]
    assert run.dir.stat().st_mode & 0o777 == run.dir.parent.stat().st_mode & 0o777


def test_runs_started_at_once_never_share_a_directory(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        dirs = list(pool.map(lambda _: Run.create(tmp_path, "base", "{}\n", {}).dir, range(40)))
    assert len(set(dirs)) == 40


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc"])
def test_an_experiment_is_one_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="must be one plain name"):
        Run.create(tmp_path, name, "{}\n", {})


def test_a_runs_dir_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="No run directory can be made below runs_dir"):
        Run.create(tmp_path / "file", "base", "{}\n", {})


def test_open_wants_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match=r"holds no run.*such as runs/base/version_0\."):
        Run.open(tmp_path)
    run = make_run(tmp_path, "base")
    with pytest.raises(RunNotFoundError, match=f"holds no run.*such as {run.dir}"):
        Run.open(tmp_path)
    assert Run.open(run.dir) == run


def test_a_checkpoint_knows_its_run_while_it_lies_there(tmp_path: Path) -> None:
    run = make_run(tmp_path, "base")
    assert Run.of_checkpoint(run.best_checkpoint) == run
    assert Run.of_checkpoint(tmp_path / "copied.ckpt") is None
    assert Run.of_checkpoint(tmp_path / "checkpoints" / "best.ckpt") is None


def test_newest_finished_run_is_the_one_that_ended_last(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="No finished run below"):
        Run.newest_finished(tmp_path)
    make_run(tmp_path, "b", status="finished", end="2026-01-01T00:00:00")
    newest = make_run(tmp_path, "a", status="finished", end="2026-01-02T00:00:00")
    make_run(tmp_path, "c", status="running", end=None)
    make_run(tmp_path, "c", status="failed", end="2026-01-03T00:00:00")
    assert Run.newest_finished(tmp_path) == newest
    make_run(tmp_path, "d").end("finished")
    assert Run.newest_finished(tmp_path).experiment == "d"
    make_run(tmp_path / "a_sweep", "deeper").end("finished")
    assert Run.newest_finished(tmp_path).experiment == "deeper"
    overfit_check = make_run(tmp_path, "e")
    overfit_check.best_checkpoint.unlink()
    overfit_check.end("finished")
    assert Run.newest_finished(tmp_path).experiment == "deeper"


def test_manifest_entries_are_replaced_one_by_one(tmp_path: Path) -> None:
    run = make_run(tmp_path, "base", status="running", seed=3)
    run.end("finished")
    manifest = json.loads(run.manifest_path.read_text())
    assert (manifest["status"], manifest["seed"]) == ("finished", 3)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, "base")
    run.manifest_path.write_text('{"status": ')
    with pytest.raises(ChecksumError, match=r"manifest.json' is damaged"):
        run.read_manifest()


def test_missing_checkpoint_says_how_to_go_on(tmp_path: Path) -> None:
    run = make_run(tmp_path, "base")
    run.best_checkpoint.unlink()
    with pytest.raises(RunNotFoundError, match=r"has no best.ckpt.*fit --run_dir"):
        run.find_checkpoint("best")
