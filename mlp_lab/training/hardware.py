"""Fit a training to the machine: the precision that it computes in, and the number of threads.

What is decided here stands in config.yaml, since the last bits of all numbers depend on it.
"""

import os
import warnings

import torch
from lightning.pytorch.accelerators import CPUAccelerator

from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.nets import measure_net
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import max_threads
from mlp_lab.training.job import Job

# With fewer a step is no quicker for a second thread, and several times slower beside other work:
# docs/performance.md has what was measured.
CONNECTIONS_PER_THREAD = 8_000_000

_BFLOAT16 = {"bf16", "bf16-mixed", "bf16-true"}


def choose_precision(job: Job) -> None:
    """Compute in float32 where a configuration asks for bfloat16, and the device has none.

    Without instructions of its own for it a processor takes many times as long. What is typed, and
    what a resumed run began with, is obeyed with a warning.
    """
    asked = job.trainer.precision
    if asked not in _BFLOAT16 or _has_bfloat16(job):
        return
    if job.is_typed("trainer.precision") or job.origin.resumes:
        warnings.warn(
            f"trainer.precision is {asked}, and this {_device_type(job)} has no bfloat16 "
            "instructions: it takes many times as long as --trainer.precision 32-true.",
            MLPLabWarning,
            stacklevel=2,
        )
        return
    job.trainer.precision = job.config["trainer"]["precision"] = "32-true"
    if is_first_process():
        print(
            f"precision: 32-true, since this {_device_type(job)} has no bfloat16 instructions; "
            f"for {asked} all the same, type --trainer.precision"
        )


def choose_threads(job: Job) -> None:
    """Compute with as many threads as are set, or as a run began with, or as a net is worth.

    Raises:
        ConfigError: A run is resumed where there are fewer cores than it had threads.
    """
    threads = job.config["threads"] or _threads_of_run(job)
    most = _max_threads(job)
    if threads is None:
        threads = _worthwhile_threads(job, most)
    elif threads > most and _device_type(job) == "cpu":
        if job.origin.resumes:
            assert job.origin.run is not None
            raise ConfigError(
                f"{str(job.origin.run.dir)!r} began with {threads} threads, and here are {most} at "
                "most, which would give other numbers. Go on where there are as many cores, or "
                "begin a new run."
            )
        warnings.warn(
            f"threads is {threads}, and here are {most} at most: with those the last bits of the "
            "numbers may be others.",
            MLPLabWarning,
            stacklevel=2,
        )
        threads = most
    torch.set_num_threads(threads)
    job.config["threads"] = threads


def _threads_of_run(job: Job) -> int | None:
    """Return what a run began with whose configuration does not say it, as version 0.1 wrote it."""
    if job.origin.run is None:
        return None
    threads = job.origin.run.read_manifest().get("threads")
    return threads if isinstance(threads, int) and threads > 0 else None


def _worthwhile_threads(job: Job, most: int) -> int:
    """Return how many threads a step's arithmetic is worth; on a GPU they only prepare data."""
    if _device_type(job) != "cpu":
        return most
    work = measure_net(job.task.net).connections * job.data.batch_size
    return min(max(1, work // CONNECTIONS_PER_THREAD), most)


def _max_threads(job: Job) -> int:
    """Return how many threads there are for this process; several of one training share them."""
    if _device_type(job) != "cpu" or "LOCAL_RANK" in os.environ:  # a launcher has shared them out
        return max_threads()
    devices = job.trainer.devices
    processes = 1 if devices == "auto" else CPUAccelerator.parse_devices(devices)
    if processes == 1:
        return max_threads()
    most = max(1, max_threads() // processes)
    # Lightning starts the others, and they get it from here.
    os.environ["OMP_NUM_THREADS"] = str(most)
    return most


def _device_type(job: Job) -> str:
    """Return the kind of device that the trainer will find."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if job.trainer.accelerator == "cpu" or device is None else device.type


def _has_bfloat16(job: Job) -> bool:
    match _device_type(job):
        case "cpu":
            known = torch.cpu.get_capabilities()
            return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
        case "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        case _:
            return True
