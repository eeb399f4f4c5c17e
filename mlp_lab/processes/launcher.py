"""What has started this process as one of several, and may start it anew: torchrun, SLURM."""

import json
import os
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlp_lab.errors import WorkerError, first_line

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

_SECONDS_BETWEEN_LOOKS = 0.05
_PREFIX = "mlp_lab"
_ROUND = "MLP_LAB_ROUND"  # in the environment, once it is agreed upon


def find_jobs() -> dict[str, dict[str, str | int]]:
    """Return what a launcher keeps over the restarts of a job, by launcher.

    SLURM keeps its number of the job and of the step, and counts the restarts; torchrun may run
    within it. torchrun's ``--rdzv-id`` is the same for many jobs, and each machine counts its own
    restarts: what tells its jobs apart is a number in the store that it keeps while it runs.
    """
    jobs: dict[str, dict[str, str | int]] = {}
    if job := os.environ.get("SLURM_JOB_ID"):
        step = os.environ.get("SLURM_STEP_ID", "batch")
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", 0))
        jobs["slurm"] = {"id": f"{job}.{step}", "restarts": restarts}
    if has_store():
        number = _open_store().compare_set(f"{_PREFIX}/job", "", uuid.uuid4().hex)
        jobs["torchrun"] = {"id": number.decode()}
    return jobs


def has_store() -> bool:
    """Whether torchrun has started this process, and keeps a store for all that it starts."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == str(True)


def agree(decide: Callable[[], str]) -> str:
    """Return what the first process decides, once all that torchrun has just started are there.

    None that it started before, and has ended since, is taken for one of them.

    Raises:
        WorkerError: Another one has not come within minutes, or torchrun has ended.
    """
    try:
        return _agree(decide)
    except RuntimeError as error:
        raise WorkerError(
            f"The processes that torchrun has started do not find together: {first_line(error)}"
        ) from error


def _agree(decide: Callable[[], str]) -> str:
    store, own = _open_store(), uuid.uuid4().hex
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    if rank == 0:
        os.environ[_ROUND] = own
        store.set(f"{_PREFIX}/round", own)
        others = [store.get(f"{_PREFIX}/{own}/{other}").decode() for other in range(1, size)]
        decision = decide()
        store.set(f"{_PREFIX}/{own}", json.dumps([others, decision]))
        return decision
    while True:
        latest = store.get(f"{_PREFIX}/round").decode()
        store.set(f"{_PREFIX}/{latest}/{rank}", own)
        if store.check([f"{_PREFIX}/{latest}"]):
            others, decision = json.loads(store.get(f"{_PREFIX}/{latest}"))
            if own in others:  # else it is of an earlier start
                os.environ[_ROUND] = latest
                return str(decision)
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def open_shared_store() -> "Store | None":
    """Return a store for those that have agreed; None where they have not.

    In torchrun's own store the addresses of processes that have ended are still there, and torch
    would wait for those.
    """
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]  # as below

    round_ = os.environ.get(_ROUND)
    return PrefixStore(f"{_PREFIX}/{round_}/torch", _open_store()) if round_ else None


def _open_store() -> "Store":
    # A build of torch may lack it; and it takes a second, which other commands spare.
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
