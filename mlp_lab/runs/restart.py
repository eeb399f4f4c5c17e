"""Find the run that a job of a launcher began, before it was restarted. Imports no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.runs.run import Run

Job = Mapping[str, str | int]


def find_begun_run(runs_dir: Path, command: Sequence[str], jobs: Mapping[str, Job]) -> Run | None:
    """Return the newest run that the same command began in the same job before its restart.

    Args:
        runs_dir: Directory of all runs.
        command: The command line.
        jobs: The jobs of this process, by launcher.
    """
    begun = []
    for path in sorted(runs_dir.glob("*/version_*/manifest.json")):
        manifest = (run := Run(path.parent)).read_manifest()
        if manifest.get("command") == [*command] and _is_of_job(manifest, jobs):
            begun.append((str(manifest.get("start")), run))
    return max(begun, key=lambda pair: pair[0])[1] if begun else None


def _is_of_job(manifest: Mapping[str, Any], jobs: Mapping[str, Job]) -> bool:
    known = manifest.get("launcher", {})
    return any(
        launcher in known
        and known[launcher]["id"] == job["id"]
        # SLURM's processes all look; one may have begun since the restart what the others need.
        and ("restarts" not in job or known[launcher]["restarts"] < job["restarts"])
        for launcher, job in jobs.items()
    )
