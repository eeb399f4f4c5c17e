"""What has started this process as one of several, and may start it anew: torchrun, SLURM."""

import os
import uuid
from dataclasses import asdict, dataclass

_NO_ID = "none"  # torchrun's, unless --rdzv-id is typed
_KEY = "mlp_lab/job"


@dataclass(frozen=True)
class LauncherJob:
    """A job of a launcher.

    Attributes:
        id: What the job keeps over its restarts, and shares with no other job.
        restarts: How often it has been restarted.
    """

    id: str
    restarts: int


def find_jobs() -> dict[str, LauncherJob]:
    """Return the jobs that this process belongs to, by launcher: torchrun may run within SLURM."""
    jobs = {}
    environment = os.environ
    if job := environment.get("SLURM_JOB_ID"):
        # A script may run several trainings, each as a step.
        step = environment.get("SLURM_STEP_ID", "batch")
        restarts = int(environment.get("SLURM_RESTART_COUNT", 0))
        jobs["slurm"] = LauncherJob(f"{job}.{step}", restarts)
    run_id = environment.get("TORCHELASTIC_RUN_ID")
    if run_id == _NO_ID:
        run_id = _find_shared_id()
    if run_id:
        restarts = int(environment["TORCHELASTIC_RESTART_COUNT"])
        jobs["torchrun"] = LauncherJob(run_id, restarts)
    return jobs


def is_restarted() -> bool:
    """Whether a launcher says that it has started this process before."""
    counts = ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT")
    return any(int(os.environ.get(name, 0)) > 0 for name in counts)


def describe_jobs() -> dict[str, dict[str, str | int]]:
    """Return the jobs in plain types."""
    return {launcher: asdict(job) for launcher, job in find_jobs().items()}


def _find_shared_id() -> str | None:
    """Return a number that torchrun's own process keeps for all that it starts, if it can."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True):
        return None
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # a build may lack it

    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    return str(store.compare_set(_KEY, "", uuid.uuid4().hex).decode())
