"""Find the run that a job of a launcher began, before it was restarted. Imports no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.processes.launcher import LauncherJob
from mlp_lab.runs.run import Run


def find_begun_run(
    runs_dir: Path, command: Sequence[str], jobs: Mapping[str, LauncherJob]
) -> Run | None:
    """Return the newest run that the same command began in the same job before its restart.

    Args:
        runs_dir: Directory of all runs.
        command: The command line.
        jobs: The jobs of this process, by launcher.
    """
    begun = [
        (str(manifest.get("start")), run)
        for path in sorted(runs_dir.glob("*/version_*/manifest.json"))
        if _is_of_job(manifest := (run := Run(path.parent)).read_manifest(), jobs)
        and manifest.get("command") == [*command]
    ]
    return max(begun, key=lambda pair: pair[0])[1] if begun else None


def _is_of_job(manifest: Mapping[str, Any], jobs: Mapping[str, LauncherJob]) -> bool:
    known = manifest.get("launcher", {})
    return any(
        launcher in known
        and known[launcher]["id"] == job.id
        # Since the restart another process of this training may have begun the one it needs.
        and known[launcher]["restarts"] < job.restarts
        for launcher, job in jobs.items()
    )
