"""A job that is started anew finds the run that it began."""

from pathlib import Path

import pytest

from mlp_lab.processes.launcher import find_jobs
from mlp_lab.runs.restart import Job, find_begun_run
from mlp_lab.runs.run import Run

COMMAND = ["mlp-lab", "fit", "--config", "a.yaml"]


def begin(runs_dir: Path, start: str, *, job: str = "7.0", command: list[str] = COMMAND) -> Run:
    launcher = {"slurm": {"id": job, "restarts": 0}}
    entries = {"start": start, "command": command, "launcher": launcher}
    return Run.create(runs_dir, "base", "{}\n", entries)


def test_the_newest_of_the_same_command_and_job_is_found(tmp_path: Path) -> None:
    restarted: dict[str, Job] = {"slurm": {"id": "7.0", "restarts": 1}}
    assert find_begun_run(tmp_path, COMMAND, restarted) is None
    Run.create(tmp_path, "base", "{}\n", {"command": COMMAND})  # of version 0.1
    begin(tmp_path, "2026-01-01")
    newest = begin(tmp_path, "2026-01-02")
    begin(tmp_path, "2026-01-03", job="7.1")
    begin(tmp_path, "2026-01-04", command=[*COMMAND, "--seed_everything=1"])
    assert find_begun_run(tmp_path, COMMAND, restarted) == newest


def test_what_began_since_the_restart_is_none_to_go_on_with(tmp_path: Path) -> None:
    begin(tmp_path, "2026-01-01")
    first_start: dict[str, Job] = {"slurm": {"id": "7.0", "restarts": 0}}
    assert find_begun_run(tmp_path, COMMAND, first_start) is None


def test_a_step_of_slurm_is_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_jobs() == {}
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert find_jobs() == {"slurm": {"id": "7.batch", "restarts": 0}}
    monkeypatch.setenv("SLURM_STEP_ID", "1")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    assert find_jobs() == {"slurm": {"id": "7.1", "restarts": 2}}


@pytest.mark.parametrize("text", ["{", '{"launcher": null}', '{"launcher": {"slurm": {"id": 1}}}'])
def test_a_damaged_manifest_of_another_run_stops_no_restart(tmp_path: Path, text: str) -> None:
    other = tmp_path / "other" / "version_0"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text(text)
    assert find_begun_run(tmp_path, [], {"slurm": {"id": "1", "restarts": 1}}) is None
