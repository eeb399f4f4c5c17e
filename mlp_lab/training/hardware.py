"""Fit a training to the machine: the precision that it computes in, and the number of threads.

What is decided here stands in config.yaml, since the last bits of all numbers depend on it.
"""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import AcceleratorRegistry

from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.nets import measure_net, trace_layers
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import count_cores, max_threads
from mlp_lab.runs.run import Run
from mlp_lab.settings import is_typed
from mlp_lab.training.job import Job

# With fewer a second thread gains little, and beside other work a step takes several times as long:
# docs/performance.md has what was measured.
CONNECTIONS_PER_THREAD = 8_000_000

_BFLOAT16 = {"bf16", "bf16-mixed", "bf16-true"}


def choose_precision(job: Job) -> None:
    """Compute in float32 where a configuration asks for bfloat16, and the device has none.

    Without instructions of its own for it a processor takes many times as long. What is typed, and
    what a resumed run began with, is obeyed with a warning.
    """
    configured, device = job.trainer.precision, device_type(job.trainer)
    if configured not in _BFLOAT16 or _has_bfloat16(job):
        return
    if is_typed(job.flags, "trainer.precision") or job.origin.resumes:
        warnings.warn(
            f"trainer.precision is {configured}, and this {device} has no bfloat16 "
            "instructions: it takes many times as long as --trainer.precision 32-true.",
            MLPLabWarning,
            stacklevel=2,
        )
        return
    job.trainer.precision = job.config["trainer"]["precision"] = "32-true"
    if is_first_process():
        print(
            f"precision: 32-true, since this {device} has no bfloat16 instructions; "
            f"for {configured} all the same, type --trainer.precision"
        )


def choose_threads(job: Job, run: Run | None) -> None:
    """Compute with as many threads as are set, or as a run began with, or as a net is worth.

    Args:
        job: What is trained or evaluated.
        run: The run that goes on or is evaluated.

    Raises:
        ConfigError: A run is resumed where there are fewer cores than it had threads.
    """
    threads = job.config["threads"] or _threads_of_run(run)
    shared = _share_of_threads(job)
    most = max(shared, count_cores())
    if threads is None:
        threads = _worthwhile_threads(job, shared)
    elif threads > most:
        if job.origin.resumes and run:
            raise ConfigError(
                f"{str(run.dir)!r} began with {threads} threads, and here are {most} cores, which "
                "would give other numbers. Go on where there are as many, or begin a new run."
            )
        if run is None:
            warnings.warn(
                f"threads is {threads}, and here are {most} cores: with as many threads the last "
                "bits of the numbers may be others.",
                MLPLabWarning,
                stacklevel=2,
            )
        threads = most
    torch.set_num_threads(threads)
    job.config["threads"] = threads


def _threads_of_run(run: Run | None) -> int | None:
    """Return what a run began with whose configuration does not say it, as version 0.1 wrote it."""
    threads = run.read_manifest().get("threads") if run else None
    return threads if isinstance(threads, int) and threads > 0 else None


def _worthwhile_threads(job: Job, most: int) -> int:
    """Return how many threads a step's arithmetic is worth; on a GPU they only prepare data.

    All of them, where nobody can say.
    """
    connections = count_connections(job)
    if device_type(job.trainer) != "cpu" or connections is None:
        return most
    return min(max(1, connections // CONNECTIONS_PER_THREAD), most)


def count_connections(job: Job) -> int | None:
    """Return the net's connections times the samples of a batch, which a step's arithmetic follows.

    None, where most weights are in layers whose connections cannot be counted.
    """
    size = measure_net(job.task.net)
    counted = sum(layer.weight.numel() for layer in trace_layers(job.task.net))
    return size.connections * job.data.batch_size if 2 * counted >= size.parameters else None


def _share_of_threads(job: Job) -> int:
    """Return how many threads there are for this process; several of one training share them."""
    if device_type(job.trainer) != "cpu":
        return max_threads()
    devices = count_devices(job.trainer)
    is_launched = "LOCAL_RANK" in os.environ  # then they have been shared out
    most = max_threads() if is_launched else max(1, max_threads() // devices)
    if devices * job.trainer["num_nodes"] > 1:
        # Who is started later gets it from here, and Lightning sets a number where this is unset.
        os.environ["OMP_NUM_THREADS"] = str(most)
    return most


def device_type(trainer: Mapping[str, Any]) -> str:
    """Return the kind of device that the trainer will find."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if trainer["accelerator"] == "cpu" or device is None else device.type


def count_devices(trainer: Mapping[str, Any]) -> int:
    """Return how many devices of this machine the trainer will take; each has a process of its own.

    What cannot work counts as one, and is left to the Trainer to refuse.
    """
    accelerator = AcceleratorRegistry.get(device_type(trainer))
    devices = trainer["devices"]
    if devices == "auto":
        return int(accelerator.auto_device_count()) or 1
    try:
        found = accelerator.parse_devices(devices)
    except (TypeError, MisconfigurationException):
        return 1
    return found if isinstance(found, int) else len(found or "1")


def _has_bfloat16(job: Job) -> bool:
    match device_type(job.trainer):
        case "cpu":
            known = torch.cpu.get_capabilities()
            return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
        case "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        case _:
            return True
