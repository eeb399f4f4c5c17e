"""Find the run that a job of a launcher began, before it was restarted. Imports no torch."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.errors import ChecksumError
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
        run, manifest = Run(path.parent), {}
        with contextlib.suppress(ChecksumError):  # of a run that is damaged, and not this one
            manifest = run.read_manifest()
        if manifest.get("command") == [*command] and _is_of_job(manifest, jobs):
            begun.append((str(manifest.get("start")), run))
    return max(begun, key=lambda pair: pair[0])[1] if begun else None


def _is_of_job(manifest: Mapping[str, Any], jobs: Mapping[str, Job]) -> bool:
    known = manifest.get("launcher")
    for launcher, job in jobs.items():
        begun = known.get(launcher) if isinstance(known, dict) else None
        if not isinstance(begun, dict) or begun.get("id") != job["id"]:
            continue
        # SLURM's processes all look; one may have begun since the restart what the others need.
        restarts = begun.get("restarts")
        if "restarts" not in job or (isinstance(restarts, int) and restarts < int(job["restarts"])):
            return True
    return False
